// An MQTT broker within the process, on a free port of this machine, and whoever listens to it. The only importer of aedes. It speaks MQTT
// 3.1.1, keeps retained messages in memory, and forgets everything when it closes.
import { createServer } from 'node:net';
import { Aedes } from 'aedes';

export interface Broker {
  readonly url: string;
  readonly port: number;
  /** Every message of any client, in order. */
  onMessage(listener: (message: BrokerMessage) => void): void;
  publish(topic: string, payload: string): Promise<void>;
  close(): Promise<void>;
}

export interface BrokerMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly retained: boolean;
}

export async function startBroker(): Promise<Broker> {
  const aedes = await Aedes.createBroker();
  const server = createServer(aedes.handle);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    onMessage(listener) {
      aedes.on('publish', (packet, client) => {
        // Without a client it is the broker's own word about its clients, or what was published below.
        if (client === null) return;
        const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
        listener({ topic: packet.topic, payload, retained: packet.retain });
      });
    },
    publish: (topic, payload) =>
      new Promise((resolve, reject) => {
        const packet = { cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false } as const;
        aedes.publish(packet, (error) => (error ? reject(error) : resolve()));
      }),
    async close() {
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
