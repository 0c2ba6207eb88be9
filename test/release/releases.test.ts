import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeCurrent } from '../../agent/release/current.ts';
import { readLedger, writeLedger } from '../../agent/release/ledger.ts';
import { activated, rolledBack, withHealth } from '../../agent/release/swap.ts';
import { addTo, candidate, goneLive, releasesIn, temporaryRoot } from './fixtures.ts';

const code = (code: string) => expect.objectContaining({ code });

describe('a release on the disk', () => {
  test('is there with all its files, numbered, and verifies', async () => {
    const root = temporaryRoot();
    const releases = releasesIn(root);
    expect(await releases.start()).toEqual({ current: 'base', rolledBack: null, leftovers: 0 });
    const { facts, files } = candidate();
    const manifest = await releases.add(facts, files);
    expect(manifest).toEqual({ ...facts, version: `000001-${facts.artifact.sha256.slice(0, 8)}`, createdAtMs: 1_790_000_000_000 });
    const directory = releases.directory(manifest.version);
    expect(readdirSync(directory).sort()).toEqual(['card.json', 'delta.safetensors', 'manifest.json', 'master.safetensors', 'model.onnx']);
    expect(readFileSync(join(directory, 'model.onnx')).equals(files.artifact)).toBe(true);
    expect(await releases.verify(manifest.version)).toEqual(manifest);
    expect(await releases.list()).toEqual({ current: 'base', releases: [{ ...manifest, health: 'untried' }], broken: [] });
    expect((await addTo(releases)).slice(0, 7)).toBe('000002-');
    expect(readdirSync(root).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('takes over files by path', async () => {
    const root = temporaryRoot();
    const releases = releasesIn(root);
    const { facts, files } = candidate();
    mkdirSync(join(root, '..', 'candidate'));
    const path = join(root, '..', 'candidate', 'model.onnx');
    writeFileSync(path, files.artifact);
    const { version } = await releases.add(facts, { ...files, artifact: { path } });
    rmSync(path);
    expect((await releases.verify(version)).artifact.sha256).toBe(facts.artifact.sha256);
  });

  test('does not come to be where its files are not what the facts say', async () => {
    const root = temporaryRoot();
    const releases = releasesIn(root);
    const { facts, files } = candidate();
    await expect(releases.add(facts, { ...files, delta: Buffer.from('other') })).rejects.toEqual(code('release-invalid'));
    await expect(releases.add(facts, { ...files, artifact: { path: '/nowhere/at/all' } })).rejects.toThrow(/cannot write/);
    await expect(releases.add({ ...facts, classes: [] }, files)).rejects.toThrow();
    expect(readdirSync(root)).toEqual([]);
  });

  test.each([
    ['a changed model', (directory: string) => writeFileSync(join(directory, 'model.onnx'), 'x'), /sha256/],
    ['a missing file', (directory: string) => rmSync(join(directory, 'delta.safetensors')), /delta.safetensors' cannot be read/],
    ['a manifest that is no JSON', (directory: string) => writeFileSync(join(directory, 'manifest.json'), '{'), /cannot be read/],
    ['a manifest of the wrong form', (directory: string) => writeFileSync(join(directory, 'manifest.json'), '{}'), /is not a manifest/],
    ['a huge manifest', (directory: string) => writeFileSync(join(directory, 'manifest.json'), ' '.repeat(5_000_000)), /more than/],
  ])('with %s is refused, and rolled back from at the next start', async (_, damage, message) => {
    const root = temporaryRoot();
    const releases = releasesIn(root);
    const good = await goneLive(releases);
    const bad = await goneLive(releases);
    damage(releases.directory(bad));
    await expect(releases.verify(bad)).rejects.toThrow(message);
    await expect(releases.rollback(bad)).rejects.toEqual(code('release-invalid'));
    const started = await releasesIn(root).start();
    expect(started).toMatchObject({ current: good, rolledBack: { from: bad } });
    expect(started.rolledBack?.reason).toMatch(message);
    expect(readlinkSync(join(root, 'current'))).toBe(good);
  });

  test.each(['000009-00000000', '../../etc', '', 'current', '.part-1', 'base/..'])('of the name %j is unknown', async (version) => {
    const releases = releasesIn(temporaryRoot());
    await addTo(releases);
    for (const attempt of [releases.verify(version), releases.activate(version), releases.rollback(version)]) {
      await expect(attempt).rejects.toEqual(code('release-unknown'));
    }
  });
});

describe('current', () => {
  test('follows activation and rollback, two steps back and to a name', async () => {
    const releases = releasesIn(temporaryRoot());
    const [a, b, c] = [await goneLive(releases), await goneLive(releases), await goneLive(releases)];
    expect(await releases.rollback()).toEqual({ previous: c, current: b });
    expect(await releases.rollback()).toEqual({ previous: b, current: a });
    expect(await releases.rollback(c)).toEqual({ previous: a, current: c });
    expect(await releases.rollback(c)).toEqual({ previous: c, current: c });
    expect(await releases.rollback()).toEqual({ previous: c, current: a });
    expect(await releases.rollback()).toEqual({ previous: a, current: 'base' });
    await expect(releases.rollback()).rejects.toEqual(code('release-unknown'));
    expect(await releases.rollback(b)).toEqual({ previous: 'base', current: b });
    expect(await releases.rollback('base')).toEqual({ previous: b, current: 'base' });
    expect(await releases.current()).toBe('base');
  });

  test('goes back where the first health check fails, and never to a failed one by itself', async () => {
    const root = temporaryRoot();
    const releases = releasesIn(root);
    const a = await goneLive(releases);
    const b = await addTo(releases);
    await releases.activate(b);
    expect((await releases.list()).releases.map(({ health }) => health)).toEqual(['healthy', 'pending']);
    expect(await releases.fail(b, 'predicts NaN')).toEqual({ previous: b, current: a });
    const c = await goneLive(releases);
    expect(await releases.rollback()).toEqual({ previous: c, current: a });
    expect((await readLedger(root))?.health[b]).toEqual({ state: 'failed', reason: 'predicts NaN' });
    // A person may still want it; then it has to pass its check again.
    await releases.rollback(b);
    expect((await releases.list()).releases.find(({ version }) => version === b)?.health).toBe('pending');
  });

  test('tries once more where the device stopped during the first health check, and goes back where it stops again', async () => {
    const root = temporaryRoot();
    const releases = releasesIn(root);
    const a = await goneLive(releases);
    const b = await addTo(releases);
    await releases.activate(b);
    expect(await releasesIn(root).start()).toMatchObject({ current: b, rolledBack: null });
    expect((await releases.list()).releases.map(({ health }) => health)).toEqual(['healthy', 'pending']);
    const reason = 'the device stopped during its first health check twice';
    expect(await releasesIn(root).start()).toMatchObject({ current: a, rolledBack: { from: b, reason } });
    expect(await releasesIn(root).start()).toMatchObject({ current: a, rolledBack: null });
    expect((await releases.list()).releases.map(({ health }) => health)).toEqual(['healthy', 'failed']);
  });

  test('passes over releases that are gone or damaged on the way back', async () => {
    const root = temporaryRoot();
    const releases = releasesIn(root);
    const [a, b, c, d] = [await goneLive(releases), await goneLive(releases), await goneLive(releases), await goneLive(releases)];
    rmSync(releases.directory(c), { recursive: true });
    writeFileSync(join(releases.directory(b), 'model.onnx'), 'x');
    expect(await releases.rollback()).toEqual({ previous: d, current: a });
  });

  test('is what the link says, where the power went between ledger and link', async () => {
    const root = temporaryRoot();
    const releases = releasesIn(root);
    const a = await goneLive(releases);
    const b = await addTo(releases);
    const ledger = (await readLedger(root))!;
    // Activation: ledger ahead.
    await writeLedger(root, activated(ledger, b));
    expect(await releasesIn(root).start()).toMatchObject({ current: a, rolledBack: null });
    expect((await releases.list()).releases.map(({ health }) => health)).toEqual(['healthy', 'untried']);
    // Failure: the ledger knows it, the link does not yet.
    await releases.activate(b);
    await writeLedger(root, rolledBack(withHealth((await readLedger(root))!, b, 'failed', 'bad'), a));
    expect(await releasesIn(root).start()).toMatchObject({ current: a, rolledBack: { from: b, reason: 'bad' } });
  });

  test('a lost or damaged ledger costs the way back, not the release', async () => {
    const root = temporaryRoot();
    const releases = releasesIn(root);
    await goneLive(releases);
    const b = await goneLive(releases);
    writeFileSync(join(root, 'ledger.json'), '{"trail": 7}');
    expect(await releasesIn(root).start()).toEqual({ current: b, rolledBack: null, leftovers: 0 });
    expect(await releases.rollback()).toEqual({ previous: b, current: 'base' });
  });

  test('a link that leads elsewhere counts as none', async () => {
    const root = temporaryRoot();
    const releases = releasesIn(root);
    await releases.start();
    symlinkSync('../../etc', join(root, 'current'));
    expect(await releases.current()).toBe('base');
    const a = await goneLive(releases);
    expect(await releases.current()).toBe(a);
    await writeCurrent(root, '000009-00000000');
    expect(await releasesIn(root).start()).toMatchObject({ current: a, rolledBack: { from: '000009-00000000' } });
  });

  test('changes that are asked for at once are carried out one by one', async () => {
    const releases = releasesIn(temporaryRoot());
    const versions = await Promise.all(Array.from({ length: 5 }, () => addTo(releases)));
    expect(new Set(versions.map((version) => version.slice(0, 6))).size).toBe(5);
    await Promise.all(versions.map((version) => releases.activate(version)));
    expect(await releases.current()).toBe(versions.at(-1));
  });
});

describe('removal', () => {
  test('of leftovers at start', async () => {
    const root = temporaryRoot();
    const releases = releasesIn(root);
    const a = await goneLive(releases);
    mkdirSync(join(root, '.part-abc'));
    writeFileSync(join(root, '.part-abc', 'model.onnx'), 'half');
    symlinkSync(a, join(root, '.part-link'));
    expect(await releasesIn(root).start()).toEqual({ current: a, rolledBack: null, leftovers: 2 });
    expect(readdirSync(root).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('by pruning keeps the current one, the one before it, and the newest', async () => {
    const releases = releasesIn(temporaryRoot());
    const versions: string[] = [];
    for (let number = 0; number < 6; number += 1) versions.push(await goneLive(releases));
    await releases.rollback(versions[1]);
    expect(await releases.prune(2)).toEqual([versions[2], versions[3]]);
    expect((await releases.list()).releases.map(({ version }) => version)).toEqual([0, 1, 4, 5].map((index) => versions[index]));
    expect(await releases.prune(2)).toEqual([]);
    expect(await releases.rollback()).toMatchObject({ current: versions[0] });
  });

  test('for unlearning: off the disk, never current again, its number not given twice', async () => {
    const root = temporaryRoot();
    const releases = releasesIn(root);
    const [a, b, c] = [await goneLive(releases), await goneLive(releases), await goneLive(releases)];
    expect(await releases.purge([b, c, '000009-00000000'])).toEqual({ previous: c, current: a, removed: [b, c] });
    expect(existsSync(join(root, c))).toBe(false);
    expect((await addTo(releases)).slice(0, 7)).toBe('000004-');
    expect(await releases.purge([a])).toEqual({ previous: a, current: 'base', removed: [a] });
    expect(statSync(join(root, 'current'), { throwIfNoEntry: false })).toBeUndefined();
    expect(await releases.purge([])).toEqual({ previous: 'base', current: 'base', removed: [] });
  });
});
