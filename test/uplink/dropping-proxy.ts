// A TCP proxy before a broker that swallows whole MQTT packets, as a broken broker or gateway would: every second PUBLISH of the client,
// every second PUBACK of the broker, or what the test says.
import { createConnection, createServer, type Socket } from 'node:net';
import mqttPacket, { type Packet } from 'mqtt-packet';

export interface PacketProxy {
  readonly port: number;
  readonly connections: number;
  /** Packets swallowed so far. */
  readonly swallowed: number;
  /** Ends every connection at once, without a goodbye. */
  cut(): void;
  close(): Promise<void>;
}

/** `swallow` sees each packet and its direction; true loses it. */
export async function startProxy(
  brokerPort: number,
  swallow: (packet: Packet, from: 'client' | 'broker') => boolean,
): Promise<PacketProxy> {
  const sockets = new Set<Socket>();
  const counts = { connections: 0, swallowed: 0 };

  function pipe(from: Socket, to: Socket, side: 'client' | 'broker', version: { is: number }): void {
    let parser = mqttPacket.parser({ protocolVersion: version.is } as never);
    const listen = () =>
      parser.on('packet', (packet) => {
        if (packet.cmd === 'connect') version.is = packet.protocolVersion ?? 4;
        if (swallow(packet, side)) counts.swallowed += 1;
        else to.write(mqttPacket.generate(packet, { protocolVersion: version.is } as never));
      });
    listen();
    let known = side === 'client';
    from.on('data', (data) => {
      if (!known) {
        // The broker speaks the version that the client's CONNECT announced.
        parser = mqttPacket.parser({ protocolVersion: version.is } as never);
        listen();
        known = true;
      }
      parser.parse(data);
    });
    const end = () => {
      from.destroy();
      to.destroy();
      sockets.delete(from);
    };
    from.on('close', end).on('error', end);
    sockets.add(from);
  }

  const server = createServer((client) => {
    counts.connections += 1;
    const broker = createConnection(brokerPort, '127.0.0.1');
    const version = { is: 5 };
    pipe(client, broker, 'client', version);
    pipe(broker, client, 'broker', version);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address === null || typeof address === 'string' ? 0 : address.port,
    get connections() {
      return counts.connections;
    },
    get swallowed() {
      return counts.swallowed;
    },
    cut,
    close: () =>
      new Promise((resolve) => {
        cut();
        server.close(() => resolve());
      }),
  };
}

/** Loses every second packet of this kind, over all connections. */
export function everySecond(cmd: Packet['cmd'], side: 'client' | 'broker'): (packet: Packet, from: 'client' | 'broker') => boolean {
  let seen = 0;
  return (packet, from) => {
    if (packet.cmd !== cmd || from !== side) return false;
    seen += 1;
    return seen % 2 === 0;
  };
}
