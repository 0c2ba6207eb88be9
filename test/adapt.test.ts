// `whet adapt` from end to end: real model files, real folders of photographs, the written file run again.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { loadCard } from '../agent/config/card.ts';
import { loadModel } from '../agent/model/load.ts';
import { openClassifier } from '../agent/model/open.ts';
import { createRuntime } from '../agent/runtime/runtime.ts';
import { input, labels, openWorkplace, photographs, sha256, whet } from './adapt/workplace.ts';
import type { PhotographClass } from './images.ts';

const work = openWorkplace();

describe('a candidate that is better', () => {
  it('is written in the form of the model, with its card, and measured as the written file', async () => {
    const report = await work.run({ test: work.test });
    expect(report).toMatchObject({
      classes: labels,
      samples: { train: 60, holdout: 0, test: 50, unreadable: 0 },
      learner: 'closed-form',
      base: null,
      verdict: { kind: 'accepted' },
      artifact: { file: join(work.place, 'mine.onnx'), sha256: sha256(join(work.place, 'mine.onnx')) },
    });
    expect(report.after.accuracy!).toBeGreaterThan(report.before!.accuracy + 0.3);
    expect(Math.abs(report.after.accuracy! - report.after.float!)).toBeLessThan(0.15);
    expect(work.entries()).toEqual(['mine.json', 'mine.onnx']);
    const before = loadModel(work.model).model;
    const after = loadModel(join(work.place, 'mine.onnx')).model;
    expect(after.graph.nodes.map(({ op }) => op)).toEqual(before.graph.nodes.map(({ op }) => op));
    expect(after.opsets).toEqual(before.opsets);
    expect(await loadCard(join(work.place, 'mine.json'))).toEqual(await loadCard(join(work.shared, 'base.json')));
  });

  it('without a test folder is judged by predictions made without each picture, or by a part held out where there is plenty', async () => {
    const scarce = await work.run();
    expect(scarce).toMatchObject({ samples: { train: 60, holdout: 0, test: 0 }, after: { accuracy: null }, verdict: { kind: 'accepted' } });
    expect(scarce.after.float!).toBeGreaterThan(scarce.before!.accuracy);
    const plenty = await work.run({
      data: await photographs(join(work.place, 'data'), labels, 20, 3),
      out: join(work.place, 'other.onnx'),
    });
    expect(plenty).toMatchObject({ samples: { train: 80, holdout: 20, test: 0 }, verdict: { kind: 'accepted' } });
    expect(plenty.after.accuracy).not.toBeNull();
  });

  it('can be adapted again, and gives the same file for the same data and seed', async () => {
    const first = await work.run({ test: work.test });
    const second = await work.run({ test: work.test, out: join(work.place, 'again.onnx') });
    expect(second.artifact!.sha256).toBe(first.artifact!.sha256);
    const onward = await work.run({
      model: join(work.place, 'mine.onnx'),
      test: work.test,
      out: join(work.place, 'onward.onnx'),
      force: true,
    });
    expect(onward.before!.accuracy).toBe(first.after.accuracy);
  });
});

describe('a candidate that is not better', () => {
  it('is rejected and leaves nothing behind; --force writes it all the same', async () => {
    // A good model, and labels that are wrong all the same way: what learns them is worse for certain.
    await work.run({ test: work.test, out: join(work.place, 'good.onnx') });
    const written = work.entries();
    const rotated = (label: PhotographClass) => labels[(labels.indexOf(label as never) + 1) % labels.length]!;
    const data = await photographs(join(work.shared, 'wrong'), labels, 10, 4, rotated);
    const more = { model: join(work.place, 'good.onnx'), data, test: work.test };
    const rejected = await work.run(more);
    expect(rejected).toMatchObject({ verdict: { kind: 'rejected', reason: expect.stringMatching(/^Not better/) }, artifact: null });
    expect(work.entries()).toEqual(written);
    const forced = await work.run({ ...more, force: true });
    expect(forced).toMatchObject({ verdict: { kind: 'rejected' }, artifact: { file: join(work.place, 'mine.onnx') } });
    expect(work.entries()).toEqual([...written, 'mine.json', 'mine.onnx'].sort());
    const args = [more.model, '--data', data, '--test', work.test, '--out', join(work.place, 'shell.onnx')];
    const shell = whet(...args, '--json');
    expect(shell.status).toBe(75);
    expect(JSON.parse(shell.stdout)).toMatchObject({ verdict: { kind: 'rejected' }, artifact: null });
    expect(existsSync(join(work.place, 'shell.onnx'))).toBe(false);
    const forcedShell = whet(...args, '--force');
    expect(forcedShell.status).toBe(0);
    expect(forcedShell.stdout).toMatch(/^rejected: Not better/);
    expect(forcedShell.stdout).toMatch(/^wrote {5}.*shell\.onnx/m);
  }, 120_000);

  it('waits where a class has a single picture, because nothing can judge it', async () => {
    const data = await photographs(join(work.place, 'data'), labels.slice(0, 4), 6, 5);
    await photographs(data, ['cross'], 1, 5);
    const report = await work.run({ data });
    expect(report.verdict).toEqual({
      kind: 'waiting',
      reason: expect.stringContaining("needs 2 labelled samples from different moments: 'cross' has 1."),
    });
    expect(report.artifact).toBeNull();
  });
});

describe('classes', () => {
  it('may be extended by a new one, and the old ones are still known', async () => {
    const data = await photographs(join(work.place, 'data'), [...labels, 'stripes'], 10, 6);
    const tested = await photographs(join(work.place, 'test'), [...labels, 'stripes'], 8, 7);
    const report = await work.run({ data, test: tested, classes: 'extend' });
    expect(report.classes).toEqual([...labels, 'stripes']);
    expect(report.verdict.kind).toBe('accepted');
    expect(report.after.accuracy!).toBeGreaterThan(0.5);
    expect((await loadCard(join(work.place, 'mine.json'))).labels).toEqual([...labels, 'stripes']);
    await expectClasses(6);
  });

  it('may be replaced by two of one’s own, and the original then has no score', async () => {
    const own = (label: PhotographClass) => (label === 'disc' ? 'Her cat' : 'anything else');
    const data = await photographs(join(work.place, 'data'), ['disc', 'triangle'], 8, 8, own);
    const tested = await photographs(join(work.place, 'test'), ['disc', 'triangle'], 12, 9, own);
    const report = await work.run({ data, test: tested, classes: 'replace' });
    expect(report).toMatchObject({ classes: ['Her cat', 'anything else'], before: null, verdict: { kind: 'accepted' } });
    expect(report.after.accuracy!).toBeGreaterThan(0.8);
    await expectClasses(2);
  });

  it('keep: a folder that is no class is refused, with the class that may have been meant', async () => {
    const data = await photographs(join(work.place, 'data'), ['disc', 'ring'], 2, 1, (label) => (label === 'ring' ? 'rnig' : 'disc'));
    expect(await work.failureOf({ data })).toMatchObject({
      code: 'data-unusable',
      message: "no class of the model is called 'rnig' (did you mean 'ring'?)",
      hint: expect.stringContaining('--classes extend'),
    });
  });

  it('need at least two folders with pictures to replace the old ones', async () => {
    const data = await photographs(join(work.place, 'data'), ['disc'], 3, 1);
    expect(await work.failureOf({ data, classes: 'replace' })).toMatchObject({
      code: 'data-unusable',
      hint: expect.stringMatching(/Add a folder/),
    });
  });

  async function expectClasses(count: number): Promise<void> {
    const classifier = await openClassifier(loadModel(join(work.place, 'mine.onnx')).model, {
      cut: { kind: 'layers', layers: 1 },
      runtime: createRuntime(),
    });
    expect(classifier.classes).toBe(count);
  }
});

describe('a base model that brings its statistics and golden features along', () => {
  const objects = new URL('../models/objects/', import.meta.url);
  const copyTo = (folder: string, ...names: readonly string[]) => {
    mkdirSync(folder);
    for (const name of names) writeFileSync(join(folder, name), readFileSync(new URL(name, objects)));
    return join(folder, 'model.onnx');
  };

  it('is told how much it would forget, and learns more than without the statistics', async () => {
    const own = (label: PhotographClass) => ({ disc: 'cat', ring: 'dog', cross: 'ship' })[label as 'disc'] ?? 'frog';
    const data = await photographs(join(work.place, 'data'), ['disc', 'ring', 'cross', 'square'], 10, 21, own);
    const test = await photographs(join(work.place, 'test'), ['disc', 'ring', 'cross', 'square'], 10, 22, own);
    const files = ['model.onnx', 'model.json', 'golden.safetensors'];
    const bare = await work.run({ model: copyTo(join(work.place, 'bare'), ...files), data, test });
    const whole = await work.run({ model: copyTo(join(work.place, 'whole'), ...files, 'statistics.safetensors'), data, test });
    expect(whole.base!.before).toBeGreaterThan(0.5);
    expect(whole.base!.before).toBe(bare.base!.before);
    // Six classes have no captures: neither forgets them, and statistics leave far more room to learn.
    for (const { base } of [bare, whole]) expect(base!.after).toBeGreaterThan(base!.before - 0.1);
    expect(whole.after.accuracy!).toBeGreaterThan(bare.after.accuracy! + 0.2);
    expect(whole.after.accuracy!).toBeGreaterThan(whole.before!.accuracy + 0.3);
    expect(bare.verdict).toMatchObject({ kind: 'rejected', reason: expect.stringMatching(/^It forgets/) });
    const replaced = await work.run({ model: join(work.place, 'whole', 'model.onnx'), data, test, classes: 'replace' });
    expect(replaced.base).toBeNull();
  });
});

it('stops when it is told to, and leaves nothing', async () => {
  const stop = new AbortController();
  const progress = (done: number) => done >= 3 && stop.abort(new Error('stopped'));
  await expect(work.run({ signal: stop.signal, progress })).rejects.toThrow('stopped');
  expect(work.entries()).toEqual([]);
});

it('trains the same head by gradient steps where that is wanted', async () => {
  const report = await work.run({ test: work.test, learner: 'gradient' });
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
      .slice(0, 10);
    expect(files).toHaveLength(10);
    const [data, tested] = [join(work.place, 'data'), join(work.place, 'test')];
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
    const card = join(work.place, 'card.json');
    const spec = { ...input, width: 224, height: 224, range: [0, 1], mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    writeFileSync(card, JSON.stringify({ name: 'mobilenetv2', input: spec, labels: [] }));
    const file = fileURLToPath(new URL('mobilenetv2-int8-dynamic.onnx', real));
    const report = await work.run({ model: file, card, data, test: tested, classes: 'replace' });
    expect(report).toMatchObject({ classes: ['day', 'night'], verdict: { kind: 'accepted' } });
    expect(report.after.accuracy!).toBeGreaterThan(0.85);
    expect(report.artifact!.bytes).toBeLessThan(readFileSync(file).length);
  }, 120_000);
});
