// The base model of a device is updated: a normal event. The old release does not predict on new features; the base does, labelled captures are
// embedded again, and a release is trained for it.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { createDevice, eventually, photographs, type TestDevice } from './daemon.ts';
import { otherBase, ownBase } from './own-base.ts';
import { fill, mountSmallDisk, unmount } from './small-disk.ts';

const open: TestDevice[] = [];

afterEach(async () => {
  for (const device of open.splice(0)) await device.close();
});

describe('a device whose base model is updated', { timeout: 300_000 }, () => {
  it('predicts with the new base, embeds again, and learns a release for it', async () => {
    const lines = ['classes: replace', 'duplicates: {windowSeconds: 0}', 'training: {minNewLabels: 100000, minPerClass: 3}'];
    const device = createDevice('updated', lines);
    open.push(device);
    const mine = ownBase(device);
    const first = await device.start();
    for (const { label, name, bytes } of await photographs(['disc', 'stripes'], 8, 3)) device.drop(`${label}/${name}`, bytes);
    await eventually('all labels', async () => (await device.client.status({})).samples.labelled === 16);
    const { release } = await device.client.train({});
    expect(release).not.toBeNull();
    await first.stop();

    writeFileSync(mine, otherBase());
    const second = await device.start();
    expect(second.said).toContain('cannot predict');
    const status = await eventually('a release for the new base', async () => {
      const now = await device.client.status({});
      return now.release !== 'base' && now.release !== release && !now.training.running ? now : null;
    });
    expect(status.samples.labelled).toBe(16);
    await expect(device.client.rollback({ version: release! })).rejects.toMatchObject({ code: 'release-invalid' });
  });

  const mount = mountSmallDisk();
  it.skipIf(mount === null)(
    `starts on a full disk too, and learns when there is room${mount === null ? ' (skipped: only root may mount a small disk)' : ''}`,
    async () => {
      onTestFinished(() => unmount(mount!));
      const lines = ['classes: replace', 'duplicates: {windowSeconds: 0}', 'training: {minNewLabels: 100000, minPerClass: 3}'];
      const device = createDevice('updated-full', lines, { state: join(mount!, 'state') });
      const mine = ownBase(device);
      const first = await device.start();
      for (const { label, name, bytes } of await photographs(['disc', 'stripes'], 8, 3)) device.drop(`${label}/${name}`, bytes);
      await eventually('all labels', async () => (await device.client.status({})).samples.labelled === 16);
      const { release } = await device.client.train({});
      expect(release).not.toBeNull();
      await first.stop('SIGKILL');

      writeFileSync(mine, otherBase());
      const filler = join(mount!, 'filler');
      fill(filler);
      const second = await device.start();
      expect(second.said).toContain('cannot predict');
      expect((await device.client.status({})).samples.labelled).toBe(16);
      await second.stop('SIGKILL');
      rmSync(filler);
      await device.start();
      await eventually('a release for the new base', async () => {
        const now = await device.client.status({});
        return now.release !== 'base' && now.release !== release && !now.training.running;
      });
      await device.close();
    },
  );
});
