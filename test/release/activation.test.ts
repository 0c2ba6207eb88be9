// The one way to another release: what does not fit is refused, what does not work is taken back, what retention no longer keeps goes.
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WhetError } from '../../agent/errors.ts';
import { createActivation } from '../../agent/release/activation.ts';
import type { TailChoice } from '../../agent/types.ts';
import { rememberingLog } from '../uplink/device.ts';
import { addTo, releasesIn, temporaryRoot } from './fixtures.ts';

const base = { backbone: 'b'.repeat(64), cut: 'cut', classes: ['cat', 'dog'] };

async function setUp(
  options: { readonly keep?: number; readonly refuses?: (version: string) => boolean; readonly leaving?: () => void } = {},
) {
  const root = temporaryRoot();
  const releases = releasesIn(root);
  await releases.start();
  const used: string[] = [];
  const changed: string[] = [];
  const left: { readonly version: string; readonly current: string }[] = [];
  const activation = createActivation({
    releases,
    base,
    keep: options.keep ?? 100,
    log: rememberingLog().log,
    async use({ version }: TailChoice) {
      if (options.refuses?.(version)) throw new Error(`${version} gives NaN`);
      used.push(version);
    },
    async changed(version) {
      changed.push(version);
    },
    leaving(version) {
      options.leaving?.();
      left.push({ version, current: readlinkSync(join(root, 'current')) });
    },
  });
  const add = ({ backbone = base.backbone, cut = base.cut }: { readonly backbone?: string; readonly cut?: string } = {}) =>
    addTo(releases, { base: { name: 'net', sha256: '1'.repeat(64), backbone, cut } });
  return { releases, activation, used, changed, left, add };
}

describe('activation', () => {
  it('makes a release current, has it predict, confirms it and tells', async () => {
    const { releases, activation, used, changed, add } = await setUp();
    const version = await add();
    await activation.activate(version);
    expect({ used, changed, current: await releases.current() }).toEqual({ used: [version], changed: [version], current: version });
    expect((await releases.list()).releases).toMatchObject([{ version, health: 'healthy' }]);
  });

  it.each([
    ['backbone', { backbone: 'c'.repeat(64) }, 'backbone cccccccc'],
    ['cut', { cut: 'elsewhere' }, "cut 'elsewhere'"],
  ])('refuses a tail of another %s, also to go back to', async (_, of, message) => {
    const { releases, activation, used, add } = await setUp();
    const version = await add(of);
    const refused = { code: 'release-invalid', message: expect.stringContaining(message) };
    await expect(activation.activate(version)).rejects.toMatchObject(refused);
    await expect(activation.goBack(version)).rejects.toMatchObject(refused);
    expect({ used, current: await releases.current() }).toEqual({ used: [], current: 'base' });
  });

  it('takes back what fails its first health check', async () => {
    const { releases, activation, used, changed, add } = await setUp({ refuses: (version) => version.startsWith('000002') });
    const [good, bad] = [await add(), await add()];
    await activation.activate(good);
    await expect(activation.activate(bad)).rejects.toThrow('gives NaN');
    expect({ used, changed, current: await releases.current() }).toEqual({ used: [good, good], changed: [good], current: good });
    expect((await releases.list()).releases.at(-1)).toMatchObject({ version: bad, health: 'failed' });
  });

  it('where going back fails stays where it was, on the disk and in what predicts', async () => {
    let broken = '';
    const { releases, activation, used, add } = await setUp({ refuses: (version) => version === broken });
    const [first, second] = [await add(), await add()];
    await activation.activate(first);
    await activation.activate(second);
    broken = first;
    await expect(activation.goBack()).rejects.toThrow('gives NaN');
    expect({ last: used.at(-1), current: await releases.current() }).toEqual({ last: second, current: second });
  });

  it('keeps no more than retention says, whoever activates', async () => {
    const { releases, activation, add } = await setUp({ keep: 2 });
    for (let number = 0; number < 8; number += 1) await activation.activate(await add());
    expect((await releases.list()).releases).toHaveLength(4);
  });

  it('at start leaves a release of another base model, for the newest that fits', async () => {
    const { releases, activation, used, left, add } = await setUp();
    const old = await add();
    await activation.activate(old);
    const foreign = await add({ backbone: 'c'.repeat(64) });
    await releases.activate(foreign);
    await releases.confirm(foreign);
    used.length = 0;
    expect(await activation.start()).toEqual({ current: old, leftBehind: expect.stringContaining('backbone cccccccc') });
    expect({ used, current: await releases.current() }).toEqual({ used: [old], current: old });
    // What follows from it is written down while it still is the current one: a power cut in between finds it again.
    expect(left).toEqual([{ version: foreign, current: foreign }]);
    expect(await activation.start()).toEqual({ current: old, leftBehind: null });
  });

  it('at start on a disk that is full for what follows, leaves the next start to find it', async () => {
    const { releases, activation, used, add } = await setUp({
      leaving: () => {
        throw new WhetError('disk-full', 'no room');
      },
    });
    const foreign = await add({ cut: 'elsewhere' });
    await releases.activate(foreign);
    await releases.confirm(foreign);
    for (const _ of [1, 2]) expect(await activation.start()).toEqual({ current: 'base', leftBehind: expect.stringContaining('elsewhere') });
    expect({ used, current: await releases.current() }).toEqual({ used: ['base', 'base'], current: foreign });
  });

  it('at start without any that fits predicts with the base model', async () => {
    const { releases, activation, used, add } = await setUp();
    const foreign = await add({ cut: 'elsewhere' });
    await releases.activate(foreign);
    await releases.confirm(foreign);
    expect(await activation.start()).toMatchObject({ current: 'base' });
    expect({ used, current: await releases.current() }).toEqual({ used: ['base'], current: 'base' });
  });
});

describe('a start after one that was cut off', () => {
  it('checks the release that was being tried, and confirms it', async () => {
    const { releases, activation, used, add } = await setUp();
    const version = await add();
    await releases.activate(version);
    await releases.start();
    expect(await activation.start()).toEqual({ current: version, leftBehind: null });
    expect(used).toEqual([version]);
    expect((await releases.list()).releases).toMatchObject([{ version, health: 'healthy' }]);
    expect(await releases.start()).toMatchObject({ current: version, rolledBack: null });
  });
});
