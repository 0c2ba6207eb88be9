// A disk that is really full, and one that is really read-only: small memory file systems, mounted where the test may.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { keepReserve, withReserve } from '../../agent/engine/reserve.ts';
import { createLog } from '../../agent/log.ts';
import { createActivation } from '../../agent/release/activation.ts';
import { createReleases } from '../../agent/release/releases.ts';
import { openStore } from '../../agent/store/store.ts';
import { addTo as addRelease, goneLive } from '../release/fixtures.ts';
import { addTo, clockAt, optionsWith, sample } from './fixtures.ts';

function mounted(size: string): string | null {
  const directory = mkdtempSync(join(tmpdir(), 'whet-disk-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory], { stdio: 'ignore' });
  if (status === 0) return directory;
  rmSync(directory, { recursive: true });
  return null;
}

function unmount(directory: string): void {
  spawnSync('umount', [directory], { stdio: 'ignore' });
  rmSync(directory, { recursive: true, force: true });
}

function disk(size: string): string {
  const directory = mounted(size);
  if (directory === null) throw new Error('mounting worked before, and does not now');
  onTestFinished(() => unmount(directory));
  return directory;
}

const trial = mounted('64k');
if (trial !== null) unmount(trial);

/** Takes all the room that is left. */
function fill(directory: string): string {
  const path = join(directory, 'filler');
  expect(() => writeFileSync(path, Buffer.alloc(8 << 20))).toThrow(/ENOSPC/);
  return path;
}

const codeOf = (work: () => unknown): string | undefined => {
  try {
    work();
  } catch (error) {
    return (error as { readonly code?: string }).code;
  }
  return undefined;
};

describe.skipIf(trial === null)('a full disk (skipped where tmpfs cannot be mounted)', () => {
  test('fails adds as disk-full, loses nothing, and works again when there is room', () => {
    const directory = disk('4m');
    const store = openStore(join(directory, 'store.db'), optionsWith());
    onTestFinished(() => store.close());
    const raw = new Uint8Array(20_000).fill(1);
    const before = Array.from({ length: 10 }, () => addTo(store, { raw }));
    const filler = fill(directory);
    const added: string[] = [];
    const overfill = () => {
      for (let index = 0; index < 1000; index += 1) added.push(addTo(store, { raw }));
    };
    expect(codeOf(overfill)).toBe('disk-full');
    for (const id of [...before, ...added]) expect(store.samples.raw(id)).toEqual(raw);
    expect(store.labels.counts().total).toBe(before.length + added.length);
    rmSync(filler);
    const later = addTo(store, { raw });
    expect(store.samples.raw(later)).toEqual(raw);
    store.close();
    const again = openStore(join(directory, 'store.db'), optionsWith({ database: { check: 'always' } }));
    onTestFinished(() => again.close());
    expect(again.broken).toBeNull();
    expect(again.labels.counts().total).toBe(before.length + added.length + 1);
  });

  test('keeps no store from closing: what could not be crossed out is looked at once more', () => {
    const directory = disk('1m');
    const open = () => openStore(join(directory, 'store.db'), optionsWith());
    const store = open();
    store.underWay.begin('file a');
    store.underWay.finish('file a');
    const filler = fill(directory);
    store.close();
    rmSync(filler);
    const again = open();
    onTestFinished(() => again.close());
    expect(again.underWay.recover()).toBe(1);
    expect(again.underWay.courseOf('file a')).toBe('apart');
  });

  test('fails a store that is opened on it as disk-full', () => {
    const directory = disk('1m');
    fill(directory);
    expect(codeOf(() => openStore(join(directory, 'store.db'), optionsWith()))).toBe('disk-full');
  });

  test('leaves the current release, and no leftovers of the new one', async () => {
    const root = join(disk('1m'), 'releases');
    const releases = createReleases(root, clockAt(1));
    const current = await goneLive(releases);
    const filler = fill(join(root, '..'));
    await expect(addRelease(releases)).rejects.toEqual(expect.objectContaining({ code: 'disk-full' }));
    await expect(releases.rollback()).rejects.toEqual(expect.objectContaining({ code: 'disk-full' }));
    expect(await releases.current()).toBe(current);
    await releases.verify(current);
    expect(readdirSync(root).filter((name) => name.startsWith('.'))).toEqual([]);
    rmSync(filler);
    expect(await releases.rollback()).toEqual({ previous: current, current: 'base' });
  });

  test('takes back a release that was in its first health check, with what was kept for the start', async () => {
    const directory = disk('1m');
    const root = join(directory, 'releases');
    const reserve = join(directory, 'reserve');
    const releases = createReleases(root, clockAt(1));
    const good = await goneLive(releases);
    const pending = await addRelease(releases);
    await releases.activate(pending);
    await releases.start();
    keepReserve(reserve);
    fill(directory);
    await expect(releases.start()).rejects.toEqual(expect.objectContaining({ code: 'disk-full' }));
    expect(await releases.current()).toBe(pending);
    expect(await withReserve(reserve, createLog('silent'), () => releases.start())).toMatchObject({ current: good });
    expect(await releases.current()).toBe(good);
  });

  test('keeps no release from leaving, only from being written down as gone', async () => {
    const directory = disk('1m');
    const root = join(directory, 'releases');
    const releases = createReleases(root, clockAt(1));
    const old = await goneLive(releases);
    fill(directory);
    const used: string[] = [];
    const activation = createActivation({
      releases,
      base: { backbone: 'another', cut: 'cut', classes: ['cat'] },
      keep: 5,
      log: createLog('silent'),
      use: async ({ version }) => void used.push(version),
      changed: async () => {},
    });
    expect(await activation.start()).toMatchObject({ current: 'base', leftBehind: expect.stringContaining('belongs to') });
    expect({ used, current: await releases.current() }).toEqual({ used: ['base'], current: old });
  });
});

describe.skipIf(trial === null)('a read-only disk (skipped where tmpfs cannot be mounted)', () => {
  test('is named when the store is opened, and when releases are changed', async () => {
    const directory = disk('4m');
    const store = openStore(join(directory, 'store.db'), optionsWith());
    store.samples.add(sample());
    store.close();
    const releases = createReleases(join(directory, 'releases'), clockAt(1));
    const current = await goneLive(releases);
    execFileSync('mount', ['-o', 'remount,ro', directory]);
    expect(codeOf(() => openStore(join(directory, 'store.db'), optionsWith()))).toBe('state-unwritable');
    await expect(releases.rollback()).rejects.toEqual(expect.objectContaining({ code: 'state-unwritable' }));
    expect(await releases.current()).toBe(current);
  });
});
