// A limit on what a broker may send in one packet, where the protocol has none. Takes a client of the MQTT library, ends its connection.
import type { Duplex } from 'node:stream';

/** What of the library's client is needed here. */
export interface IncomingClient {
  readonly stream: Duplex;
  once(event: 'connect', listener: () => void): unknown;
  on(event: 'packetreceive', listener: () => void): unknown;
}

/**
 * MQTT 3.1.1 has no way to say how much is taken, and the library gathers a packet before it shows it: one of 200 MB would be held whole. What
 * came since the last whole packet is counted, and the connection ended where that is too much.
 */
export function limitIncoming(client: IncomingClient, mostBytes: number, failed: (error: Error) => void): void {
  let bytes = 0;
  client.once('connect', () => {
    client.stream.on('data', (chunk: Uint8Array) => {
      bytes += chunk.byteLength;
      if (bytes <= 2 * mostBytes) return;
      failed(new Error(`the broker sent a message of more than ${mostBytes} bytes`));
      client.stream.destroy();
    });
  });
  client.on('packetreceive', () => {
    bytes = 0;
  });
}
