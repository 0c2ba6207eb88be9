// A file that kills whatever process decodes it, in the watched folder of the real daemon: it ends the daemon once, is tried apart at the next start,
// and is set aside; everything else is taken.
import { describe, expect, it, onTestFinished } from 'vitest';
import { createDevice, eventually, photographs } from './daemon.ts';

const preload = new URL('./poison-preload.mjs', import.meta.url);
const env = { ...process.env, NODE_OPTIONS: `--import=${preload.href}` };

describe('a file that nobody survives', { timeout: 120_000 }, () => {
  it('ends the daemon once, and never again', async () => {
    const device = createDevice('poison', ['classes: replace', 'duplicates: {windowSeconds: 0}', 'queries: {perHour: 0}']);
    onTestFinished(() => device.close());
    const pictures = await photographs(['disc', 'ring'], 2, 3);
    device.drop('disc/poison.jpg', Buffer.from('POISON and nothing else'));
    for (const { label, name, bytes } of pictures) device.drop(`${label}/${name}`, bytes);
    const first = device.spawn({ env });
    expect(await first.ended).toMatchObject({ signal: 'SIGKILL' });

    const second = await device.start({ env });
    await second.says('it is set aside');
    await eventually('the others are taken', async () => {
      const { samples } = await device.client.status({});
      return samples.total === pictures.length && samples.setAside === 1;
    });
    await second.stop();

    const third = await device.start({ env });
    const { samples } = await device.client.status({});
    expect(samples).toMatchObject({ total: pictures.length, labelled: pictures.length, setAside: 1 });
    expect(third.said).not.toContain('when the last process ended');
    await third.stop();
  });
});
