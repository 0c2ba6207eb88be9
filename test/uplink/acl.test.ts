// The broker rights that come with Whetstone, on a real Mosquitto: a device speaks as itself and as nobody else.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { mosquittoMissing, needsMosquitto } from '../broker.ts';
import { createTestDevice } from './device.ts';
import { closeLater, openBroker } from './opened.ts';
import { subscribe } from './subscriber.ts';

const file = fileURLToPath(new URL('../../systemd/mosquitto.acl', import.meta.url));
describe.skipIf(mosquittoMissing)(`broker rights${needsMosquitto}`, () => {
  it('let a device report and take commands, the fleet owner see and command all, and nobody speak as another', async () => {
    const { url } = await openBroker({ lines: [`acl_file ${file}`] });
    const as = async (username: string, filter: string) => {
      const client = await subscribe(url, filter, { username });
      closeLater(client.close);
      return client;
    };
    const fleet = await as('fleet', 'whetstone/#');
    const one = createTestDevice({ url, username: 'pi-1', retryMinMs: 10 });
    closeLater(() => one.uplink.stop());
    one.start();
    await fleet.until((all) => all.some(({ topic }) => topic === 'whetstone/pi-1/status'), 'its status');
    await fleet.send('whetstone/pi-1/cmd/pause/p1', '{}');
    await fleet.until((all) => all.some(({ topic }) => topic === 'whetstone/pi-1/result/pause/p1'), 'its answer');

    // Another device: it hears nothing of the first one, cannot command it, and cannot pretend to be it.
    const other = await as('pi-2', '#');
    await other.send('whetstone/pi-1/cmd/pause/stolen', '{}').catch(() => undefined);
    await other.send('whetstone/pi-1/model', '{"version":"forged"}', true).catch(() => undefined);
    const viewer = await as('viewer', 'whetstone/#');
    // A broker may end the connection of who tries.
    const curious = await as('viewer', 'whetstone/#');
    await curious.send('whetstone/pi-1/cmd/pause/curious', '{}').catch(() => undefined);
    await fleet.send('whetstone/pi-1/cmd/pause/p2', '{}');
    await fleet.until((all) => all.some(({ topic }) => topic === 'whetstone/pi-1/result/pause/p2'), 'the next answer');
    expect(one.calls.map(({ type }) => type)).toEqual(['pause', 'pause']);
    const topics = (watcher: typeof fleet) => watcher.received.map(({ topic, payload }) => `${topic} ${payload}`).join('\n');
    expect(topics(fleet)).not.toMatch(/forged|stolen|curious/);
    expect(topics(other)).not.toContain('pi-1');
    await viewer.until(() => topics(viewer).includes('whetstone/pi-1/result/pause/p2'), 'what the viewer sees');
  });
});
