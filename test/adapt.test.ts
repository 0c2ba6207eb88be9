// `whet adapt` from end to end: real model files, real folders of photographs, the written file run again.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AdaptOptions, AdaptReport } from '../agent/adapt/report.ts';
import { adapt } from '../agent/adapt.ts';
import { loadCard } from '../agent/config/card.ts';
import type { WhetError } from '../agent/errors.ts';
import { loadModel } from '../agent/model/load.ts';
import { openClassifier } from '../agent/model/open.ts';
import { encodeModel } from '../agent/onnx/encode.ts';
import { forms, modelOf } from './forms.ts';
import { drawPixels, type PhotographClass } from './images.ts';

const labels = ['disc', 'square', 'triangle', 'ring', 'cross'] as const;
const input = { kind: 'image', width: 8, height: 8, channels: 'rgb', layout: 'nchw', range: [-1, 1], mean: [], std: [], resize: 'fill' };
/** Each class has a colour besides its shape: a model of 8×8 pixels that was never trained can tell colours, hardly shapes. */
const tints: Readonly<Record<PhotographClass, readonly [number, number, number]>> = {
  disc: [1, 0.3, 0.3],
  square: [0.3, 1, 0.3],
  triangle: [0.3, 0.3, 1],
  ring: [1, 1, 0.3],
  cross: [1, 0.3, 1],
  stripes: [0.3, 1, 1],
  checks: [1, 1, 1],
  dots: [0.4, 0.4, 0.4],
};

async function tinted(label: PhotographClass, seed: number): Promise<Buffer> {
  const pixels = drawPixels(label, seed, 32, 32).map((value, at) => value * tints[label][(at % 3) as 0 | 1 | 2]);
  return sharp(Buffer.from(pixels), { raw: { width: 32, height: 32, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
}

/** A folder a class. `named` puts the photographs of one class into the folder of another. */
async function photographs(
  folder: string,
  classes: readonly PhotographClass[],
  perClass: number,
  seed: number,
  named: (label: PhotographClass, index: number) => string = (label) => label,
): Promise<string> {
  for (const label of classes) {
    for (let index = 0; index < perClass; index += 1) {
      const inside = join(folder, named(label, index));
      mkdirSync(inside, { recursive: true });
      writeFileSync(join(inside, `${label}-${String(index).padStart(3, '0')}.jpg`), await tinted(label, seed * 1000 + index));
    }
  }
  return folder;
}

const form = forms([13], ['conv']).find(({ title }) => title.includes('QOperator per channel'))!;
let shared: string;
let model: string;
let train: string;
let test: string;
/** A new folder for each test. */
let place: string;
let notes: string[];

beforeAll(async () => {
  shared = mkdtempSync(join(tmpdir(), 'whet-adapt-'));
  model = join(shared, 'base.onnx');
  writeFileSync(model, encodeModel(await modelOf(form)));
  writeFileSync(join(shared, 'base.json'), JSON.stringify({ name: 'base', input, labels }));
  train = await photographs(join(shared, 'train'), labels, 12, 1);
  test = await photographs(join(shared, 'test'), labels, 10, 2);
});
beforeEach(() => {
  place = mkdtempSync(join(shared, 'case-'));
  notes = [];
});
afterAll(() => rmSync(shared, { recursive: true, force: true }));

const optionsOf = (more: Partial<AdaptOptions> = {}): AdaptOptions => ({
  model,
  data: train,
  cut: { kind: 'layers', layers: 1 },
  classes: 'keep',
  learner: 'auto',
  threads: 1,
  seed: 1,
  force: false,
  out: join(place, 'mine.onnx'),
  note: (sentence) => notes.push(sentence),
  ...more,
});
const run = (more: Partial<AdaptOptions> = {}): Promise<AdaptReport> => adapt(optionsOf(more));
const failureOf = (more: Partial<AdaptOptions>): Promise<WhetError> =>
  run(more).then(
    () => Promise.reject(new Error('it was adapted')),
    (error: WhetError) => error,
  );
const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
const entries = () => readdirSync(place).sort();
/** The command itself, for its exit status and its output. */
const whet = (...args: readonly string[]) =>
  spawnSync(process.execPath, [fileURLToPath(new URL('../agent/main.ts', import.meta.url)), 'adapt', ...args], { encoding: 'utf8' });

describe('a candidate that is better', () => {
  it('is written in the form of the model, with its card, and measured as the written file', async () => {
    const report = await run({ test });
    expect(report).toMatchObject({
      classes: labels,
      samples: { train: 60, holdout: 0, test: 50, unreadable: 0 },
      learner: 'closed-form',
      base: null,
      verdict: { kind: 'accepted' },
      artifact: { file: join(place, 'mine.onnx'), sha256: sha256(join(place, 'mine.onnx')) },
    });
    expect(report.after.accuracy!).toBeGreaterThan(report.before!.accuracy + 0.3);
    expect(Math.abs(report.after.accuracy! - report.after.float!)).toBeLessThan(0.15);
    expect(entries()).toEqual(['mine.json', 'mine.onnx']);
    const before = loadModel(model).model;
    const after = loadModel(join(place, 'mine.onnx')).model;
    expect(after.graph.nodes.map(({ op }) => op)).toEqual(before.graph.nodes.map(({ op }) => op));
    expect(after.opsets).toEqual(before.opsets);
    expect(await loadCard(join(place, 'mine.json'))).toEqual(await loadCard(join(shared, 'base.json')));
  });

  it('without a test folder is judged by predictions made without each picture, or by a part held out where there is plenty', async () => {
    const scarce = await run();
    expect(scarce).toMatchObject({ samples: { train: 60, holdout: 0, test: 0 }, after: { accuracy: null }, verdict: { kind: 'accepted' } });
    expect(scarce.after.float!).toBeGreaterThan(scarce.before!.accuracy);
    const plenty = await run({ data: await photographs(join(place, 'data'), labels, 20, 3), out: join(place, 'other.onnx') });
    expect(plenty).toMatchObject({ samples: { train: 80, holdout: 20, test: 0 }, verdict: { kind: 'accepted' } });
    expect(plenty.after.accuracy).not.toBeNull();
  });

  it('can be adapted again, and gives the same file for the same data and seed', async () => {
    const first = await run({ test });
    const second = await run({ test, out: join(place, 'again.onnx') });
    expect(second.artifact!.sha256).toBe(first.artifact!.sha256);
    const onward = await run({ model: join(place, 'mine.onnx'), test, out: join(place, 'onward.onnx'), force: true });
    expect(onward.before!.accuracy).toBe(first.after.accuracy);
  });
});

describe('a candidate that is not better', () => {
  it('is rejected and leaves nothing behind; --force writes it all the same', async () => {
    // A good model, and labels that say nothing.
    await run({ test, out: join(place, 'good.onnx') });
    const written = entries();
    const rotated = (label: PhotographClass, index: number) => labels[(labels.indexOf(label as never) + index) % labels.length]!;
    const data = await photographs(join(shared, 'random'), labels, 10, 4, rotated);
    const more = { model: join(place, 'good.onnx'), data, test };
    const rejected = await run(more);
    expect(rejected).toMatchObject({ verdict: { kind: 'rejected', reason: expect.stringMatching(/^Not better/) }, artifact: null });
    expect(entries()).toEqual(written);
    const forced = await run({ ...more, force: true });
    expect(forced).toMatchObject({ verdict: { kind: 'rejected' }, artifact: { file: join(place, 'mine.onnx') } });
    expect(entries()).toEqual([...written, 'mine.json', 'mine.onnx'].sort());
    const args = [more.model, '--data', data, '--test', test, '--out', join(place, 'shell.onnx')];
    const shell = whet(...args, '--json');
    expect(shell.status).toBe(75);
    expect(JSON.parse(shell.stdout)).toMatchObject({ verdict: { kind: 'rejected' }, artifact: null });
    expect(existsSync(join(place, 'shell.onnx'))).toBe(false);
    const forcedShell = whet(...args, '--force');
    expect(forcedShell.status).toBe(0);
    expect(forcedShell.stdout).toMatch(/^rejected: Not better/);
    expect(forcedShell.stdout).toMatch(/^wrote {5}.*shell\.onnx/m);
  });

  it('waits where a class has a single picture, because nothing can judge it', async () => {
    const data = await photographs(join(place, 'data'), labels.slice(0, 4), 6, 5);
    await photographs(data, ['cross'], 1, 5);
    const report = await run({ data });
    expect(report.verdict).toEqual({
      kind: 'waiting',
      reason: expect.stringContaining("needs 2 labelled samples from different moments: 'cross' has 1."),
    });
    expect(report.artifact).toBeNull();
  });
});

describe('classes', () => {
  it('may be extended by a new one, and the old ones are still known', async () => {
    const data = await photographs(join(place, 'data'), [...labels, 'stripes'], 10, 6);
    const tested = await photographs(join(place, 'test'), [...labels, 'stripes'], 8, 7);
    const report = await run({ data, test: tested, classes: 'extend' });
    expect(report.classes).toEqual([...labels, 'stripes']);
    expect(report.verdict.kind).toBe('accepted');
    expect(report.after.accuracy!).toBeGreaterThan(0.5);
    expect((await loadCard(join(place, 'mine.json'))).labels).toEqual([...labels, 'stripes']);
    await expectClasses(6);
  });

  it('may be replaced by two of one’s own, and the original then has no score', async () => {
    const own = (label: PhotographClass) => (label === 'disc' ? 'Her cat' : 'anything else');
    const data = await photographs(join(place, 'data'), ['disc', 'triangle'], 8, 8, own);
    const tested = await photographs(join(place, 'test'), ['disc', 'triangle'], 12, 9, own);
    const report = await run({ data, test: tested, classes: 'replace' });
    expect(report).toMatchObject({ classes: ['Her cat', 'anything else'], before: null, verdict: { kind: 'accepted' } });
    expect(report.after.accuracy!).toBeGreaterThan(0.8);
    await expectClasses(2);
  });

  it('keep: a folder that is no class is refused, with the class that may have been meant', async () => {
    const data = await photographs(join(place, 'data'), ['disc', 'ring'], 2, 1, (label) => (label === 'ring' ? 'rnig' : 'disc'));
    expect(await failureOf({ data })).toMatchObject({
      code: 'data-unusable',
      message: "no class of the model is called 'rnig' (did you mean 'ring'?)",
      hint: expect.stringContaining('--classes extend'),
    });
  });

  it('need at least two folders with pictures to replace the old ones', async () => {
    const data = await photographs(join(place, 'data'), ['disc'], 3, 1);
    expect(await failureOf({ data, classes: 'replace' })).toMatchObject({
      code: 'data-unusable',
      hint: expect.stringMatching(/Add a folder/),
    });
  });

  async function expectClasses(count: number): Promise<void> {
    const classifier = await openClassifier(loadModel(join(place, 'mine.onnx')).model, { cut: { kind: 'layers', layers: 1 }, threads: 1 });
    expect(classifier.classes).toBe(count);
  }
});

describe('photographs that are none', () => {
  it('are counted and named, and stop nothing', async () => {
    const data = await photographs(join(place, 'data'), labels, 8, 10);
    writeFileSync(join(data, 'disc', 'notes.jpg'), 'this is a text');
    writeFileSync(join(data, 'disc', 'empty.png'), '');
    writeFileSync(join(data, 'ring', 'cut.jpg'), (await tinted('ring', 1)).subarray(0, 200));
    writeFileSync(join(data, 'cross', '.hidden'), 'left out');
    mkdirSync(join(data, 'nothing yet'));
    const report = await run({ data });
    expect(report.samples).toMatchObject({ train: 40, unreadable: 3 });
    expect(report.verdict.kind).toBe('accepted');
    for (const name of ['disc/notes.jpg', 'disc/empty.png', 'ring/cut.jpg'])
      expect(notes).toContainEqual(expect.stringMatching(new RegExp(`^Left out .*${name.replace('.', '\\.')}: .`)));
    expect(notes).toContainEqual("Folder 'nothing yet' is empty and was left out.");
    const shell = whet(model, '--data', data, '--out', join(place, 'shell.onnx'), '--json');
    expect(shell.status).toBe(0);
    expect(shell.stderr).toContain('notes.jpg');
    expect(JSON.parse(shell.stdout)).toMatchObject({ samples: { unreadable: 3 } });
  });

  it('an animated picture counts once, by its first frame', async () => {
    const data = await photographs(join(place, 'data'), labels, 6, 11);
    const frames = await Promise.all([1, 2, 3].map((seed) => tinted('disc', seed)));
    writeFileSync(
      join(data, 'disc', 'moving.gif'),
      await sharp(frames, { join: { animated: true } })
        .gif()
        .toBuffer(),
    );
    expect((await run({ data })).samples).toMatchObject({ train: 31, unreadable: 0 });
  });

  it('copies of a photograph do not judge each other', async () => {
    const data = await photographs(join(place, 'data'), labels.slice(0, 4), 5, 12);
    mkdirSync(join(data, 'cross'));
    for (let copy = 0; copy < 5; copy += 1) writeFileSync(join(data, 'cross', `${copy}.jpg`), await tinted('cross', 1));
    expect((await run({ data })).verdict).toMatchObject({ kind: 'waiting', reason: expect.stringContaining("'cross' has 1") });
  });

  it.each(['empty', 'without folders', 'without pictures', 'missing'])('a data folder that is %s is refused', async (kind) => {
    const data = join(place, 'data');
    if (kind !== 'missing') mkdirSync(data);
    if (kind === 'without folders') writeFileSync(join(data, '1.jpg'), await tinted('disc', 1));
    if (kind === 'without pictures') {
      mkdirSync(join(data, 'disc'));
      writeFileSync(join(data, 'disc', 'a.jpg'), 'text');
    }
    expect(await failureOf({ data })).toMatchObject({ code: 'data-unusable', hint: expect.stringMatching(/./) });
    expect(entries()).toEqual(kind === 'missing' ? [] : ['data']);
  });
});

describe('what is refused before any work', () => {
  it('an output that would overwrite the model, its card, or be its own card', async () => {
    const before = sha256(model);
    for (const out of [model, join(shared, 'base.json'), join(shared, 'base'), join(place, 'x.json')])
      expect(await failureOf({ out })).toMatchObject({ code: 'usage', message: expect.stringContaining('overwrite') });
    expect(sha256(model)).toBe(before);
  });

  it('an output in a folder that does not exist, or is a file, or a folder itself', async () => {
    mkdirSync(join(place, 'folder.onnx'));
    for (const out of [join(place, 'missing', 'mine.onnx'), join(model, 'mine.onnx'), join(place, 'folder.onnx')])
      expect(await failureOf({ out, data: join(place, 'never looked at') })).toMatchObject({ code: 'output-failed' });
  });

  it.skipIf(process.getuid?.() === 0)('an output in a folder that may not be written (not as root)', async () => {
    mkdirSync(join(place, 'locked'));
    chmodSync(join(place, 'locked'), 0o555);
    expect(await failureOf({ out: join(place, 'locked', 'mine.onnx') })).toMatchObject({ code: 'output-failed' });
  });

  it('a model without a card, with an example to start from; a card that names too few classes', async () => {
    writeFileSync(join(place, 'lonely.onnx'), readFileSync(model));
    const lonely = { model: join(place, 'lonely.onnx'), out: join(place, 'mine.onnx') };
    expect(await failureOf(lonely)).toMatchObject({ code: 'card-missing' });
    expect(whet(lonely.model, '--data', train, '--out', lonely.out).status).toBe(65);
    const card = join(place, 'card.json');
    writeFileSync(card, JSON.stringify({ name: 'm', input, labels: ['disc', 'ring'] }));
    expect(await failureOf({ ...lonely, card })).toMatchObject({ code: 'card-invalid', message: expect.stringContaining('names 2') });
  });

  it('a class folder whose name no card could hold', async () => {
    const data = await photographs(join(place, 'data'), ['disc', 'ring'], 3, 1, (label) => (label === 'ring' ? 'r'.repeat(220) : 'disc'));
    expect(await failureOf({ data, classes: 'replace' })).toMatchObject({ code: 'data-unusable', message: expect.stringContaining('rrr') });
  });
});

it('stops when it is told to, and leaves nothing', async () => {
  const stop = new AbortController();
  const progress = (done: number) => done >= 3 && stop.abort(new Error('stopped'));
  await expect(run({ signal: stop.signal, progress })).rejects.toThrow('stopped');
  expect(entries()).toEqual([]);
});

it('trains the same head by gradient steps where that is wanted', async () => {
  const report = await run({ test, learner: 'gradient' });
  expect(report).toMatchObject({ learner: 'gradient', verdict: { kind: 'accepted' } });
  expect(report.after.accuracy!).toBeGreaterThan(report.before!.accuracy + 0.3);
});

const real = new URL('../../shared/models/', import.meta.url);
const imagenet = new URL('../../shared/data/imagenet/', import.meta.url);
const present = [real, imagenet].every((url) => existsSync(url));
describe.skipIf(!present)(`models and photographs that others made${present ? '' : ' (skipped: ../shared is not there)'}`, () => {
  it('the dynamically quantized MobileNetV2 tells lit from dark photographs of things it knows', async () => {
    const files = readdirSync(imagenet)
      .filter((name) => /\.jpe?g$/i.test(name))
      .slice(0, 16);
    expect(files).toHaveLength(16);
    const [data, tested] = [join(place, 'data'), join(place, 'test')];
    for (const [index, name] of files.entries()) {
      const folder = index % 2 === 0 ? data : tested;
      const picture = sharp(fileURLToPath(new URL(name, imagenet))).resize(224, 224, { fit: 'fill' });
      for (const [label, light] of [
        ['day', 1],
        ['night', 0.15],
      ] as const) {
        mkdirSync(join(folder, label), { recursive: true });
        writeFileSync(join(folder, label, name), await picture.clone().linear(light, 0).jpeg().toBuffer());
      }
    }
    const card = join(place, 'card.json');
    const spec = { ...input, width: 224, height: 224, range: [0, 1], mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    writeFileSync(card, JSON.stringify({ name: 'mobilenetv2', input: spec, labels: [] }));
    const file = fileURLToPath(new URL('mobilenetv2-int8-dynamic.onnx', real));
    const report = await run({ model: file, card, data, test: tested, classes: 'replace' });
    expect(report).toMatchObject({ classes: ['day', 'night'], verdict: { kind: 'accepted' } });
    expect(report.after.accuracy!).toBeGreaterThan(0.85);
    expect(report.artifact!.bytes).toBeLessThan(readFileSync(file).length);
  });
});
