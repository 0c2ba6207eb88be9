// `whet export` and `whet import`: from one real device into a fresh one, through daemons and without; the same labels, the same bytes, no doubles.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderOf } from '../../agent/cli/archive/archive.ts';
import type { Exported } from '../../agent/cli/export.ts';
import type { Imported } from '../../agent/cli/import.ts';
import type { SampleFacts } from '../../agent/operations/samples.ts';
import { createDevice, eventually, type TestDevice } from '../e2e/daemon.ts';
import { photograph } from '../images.ts';

/** Names that no folder can have, or that would lead out of it. */
const names = ['disc', 'a/b', '..', '.hidden', 'Ünï 😀', 'x'.repeat(200)];
const place = mkdtempSync(join(tmpdir(), 'whet-archive-'));
const archive = join(place, 'backup');
let from: TestDevice;
let to: TestDevice;

beforeAll(async () => {
  from = createDevice('from', ['classes: replace']);
  to = createDevice('to', ['classes: replace']);
  await from.start();
  for (const [at] of names.entries()) from.drop(`${at}.jpg`, await photograph('disc', at + 1));
  await eventually('samples', async () => (await from.client.status({})).samples.total === names.length);
  const { samples } = await from.client.samples({});
  for (const [at, { sample }] of samples.entries()) await from.client.label({ sample, label: names[at]! });
});
afterAll(async () => {
  await Promise.all([from.close(), to.close()]);
  rmSync(place, { recursive: true, force: true });
});

const all = async (device: TestDevice): Promise<readonly SampleFacts[]> => (await device.client.samples({ labelled: true })).samples;
const told = ({ label, source, timeMs }: SampleFacts) => JSON.stringify({ label, source, timeMs });
const exporting = async (device: TestDevice, ...more: readonly string[]) =>
  (await device.whet('export', archive, '--json', ...more)).json<Exported>();
const importing = async (device: TestDevice) => (await device.whet('import', archive, '--json')).json<Imported>();

describe('an export', () => {
  it('has the bytes as they came, a folder a class, and a list that says what each is', async () => {
    expect(await exporting(from)).toMatchObject({
      written: names.length,
      there: 0,
      changed: [],
      withoutCapture: 0,
      classes: { disc: 1, 'a/b': 1 },
    });
    const list = JSON.parse(readFileSync(join(archive, 'captures.json'), 'utf8'));
    expect(list).toMatchObject({ format: 'whetstone captures 1', device: 'from', model: 'objects' });
    for (const sample of await all(from)) {
      const entry = list.captures.find((capture: { sample: string }) => capture.sample === sample.sample);
      expect(entry).toMatchObject({ label: sample.label, source: 'inbox', labelledBy: 'cli', time: new Date(sample.timeMs).toISOString() });
      const { capture } = await from.client.show({ sample: sample.sample });
      expect(readFileSync(join(archive, entry.file)).toString('base64')).toBe(capture);
    }
    // Nothing leads out of the folder.
    expect(readdirSync(place)).toEqual(['backup']);
    expect(readdirSync(archive).sort()).toEqual([...names.map(folderOf), 'captures.json'].sort());
  });

  it('goes on where it was, moves what was labelled otherwise, and overwrites nothing', async () => {
    expect(await exporting(from)).toMatchObject({ written: 0, there: names.length });
    const [disc, other] = await all(from);
    await from.client.label({ sample: other!.sample, label: 'disc' });
    const touched = join(archive, 'disc', `${disc!.sample}.jpg`);
    writeFileSync(touched, 'mine');
    rmSync(join(archive, folderOf('.hidden')), { recursive: true });
    expect(await exporting(from)).toMatchObject({ written: 1, moved: 1, there: 3, changed: [`disc/${disc!.sample}.jpg`] });
    expect(readFileSync(touched, 'utf8')).toBe('mine');
    expect([existsSync(join(archive, 'disc', `${other!.sample}.jpg`)), existsSync(join(archive, folderOf('a/b')))]).toEqual([true, false]);
    await from.client.label({ sample: other!.sample, label: 'a/b' });
    rmSync(touched);
    expect(await exporting(from)).toMatchObject({ written: 1, moved: 1, there: 4, changed: [] });
  });

  it('refuses a folder whose list is something else', async () => {
    mkdirSync(join(place, 'other'));
    writeFileSync(join(place, 'other', 'captures.json'), '{"captures": "mine"}');
    expect(await from.whet('export', join(place, 'other'))).toMatchObject({ code: 65 });
    rmSync(join(place, 'other'), { recursive: true });
  });
});

describe('an import', () => {
  it('into a fresh device, while none runs, gives the same labels, times and sources; again it takes nothing', async () => {
    expect(await importing(to)).toMatchObject({ stored: names.length, known: 0, refused: [] });
    expect(await importing(to)).toMatchObject({ stored: 0, known: names.length });
    await to.start();
    expect((await all(to)).map(told).sort()).toEqual((await all(from)).map(told).sort());
    expect(await importing(to)).toMatchObject({ stored: 0, known: names.length });
    expect((await to.client.status({})).samples).toMatchObject({ total: names.length, labelled: names.length });
  });

  it('into the device that it comes from takes nothing', async () => {
    expect(await importing(from)).toMatchObject({ stored: 0, known: names.length });
  });

  it('takes what was forgotten again, what a person moved as what it is, and names what is no good', async () => {
    const [disc] = (await all(to)).filter(({ label }) => label === 'disc');
    await to.client.forget({ samples: [disc!.sample] });
    mkdirSync(join(archive, 'ring'));
    const file = readdirSync(join(archive, 'disc'))[0]!;
    renameSync(join(archive, 'disc', file), join(archive, 'ring', file));
    writeFileSync(join(archive, 'ring', 'broken.jpg'), 'no picture');
    const text = await to.whet('import', archive);
    expect(text).toMatchObject({ code: 65 });
    expect(text.stdout).toMatch(/^1 capture taken from .*, 5 known already\n/);
    expect(text.stdout).toContain('refused   ring/broken.jpg: not a picture');
    expect((await all(to)).map(({ label }) => label)).toContain('ring');
  });
});

it('a folder made by hand is taken as files, each apart, whatever their times: it can be learned from', async () => {
  const fresh = createDevice('fresh', ['classes: replace']);
  try {
    const data = join(place, 'by hand');
    for (const name of ['disc', 'stripes'] as const) {
      mkdirSync(join(data, name), { recursive: true });
      for (let at = 0; at < 8; at += 1) writeFileSync(join(data, name, `${at}.jpg`), await photograph(name, 50 + at));
    }
    expect((await fresh.whet('import', data, '--json')).json<Imported>()).toMatchObject({ stored: 16, refused: [] });
    expect((await fresh.whet('train', '--json')).json()).toMatchObject({ verdict: { kind: 'accepted' }, samples: { train: 16 } });
  } finally {
    await fresh.close();
  }
}, 60_000);

it('classes that the model does not have are refused where classes are kept', async () => {
  const keeping = createDevice('keeping', []);
  try {
    const data = join(place, 'data');
    for (const name of ['cat', 'zebra']) {
      mkdirSync(join(data, name), { recursive: true });
      writeFileSync(join(data, name, '1.jpg'), await photograph('disc', name.length));
    }
    const answer = await keeping.whet('import', data, '--json');
    expect(answer.code).toBe(65);
    const { stored, classes, refused } = answer.json<Imported>();
    expect({ stored, classes, refused }).toMatchObject({ stored: 1, classes: { cat: 1 }, refused: [{ file: 'zebra/1.jpg' }] });
    expect(refused[0]!.reason).toContain("no class of the model is called 'zebra'");
  } finally {
    await keeping.close();
  }
});
