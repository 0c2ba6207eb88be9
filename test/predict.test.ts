// `whet predict` from end to end, as a command: classifiers, one-score models, quantities and anomalies, files that are no good, and a device's
// own release beside its running daemon.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adaptAnomaly } from '../agent/adapt/anomaly.ts';
import { adaptRegression } from '../agent/adapt/regression.ts';
import { encodeModel } from '../agent/onnx/codec/encode.ts';
import { floats, graph, model, node, value } from '../agent/onnx/made/build.ts';
import { lastActivation } from '../agent/onnx/surgery/last-activation.ts';
import type { PredictReport, Quantity } from '../agent/predict/report.ts';
import { createRuntime } from '../agent/runtime/runtime.ts';
import type { ClassScore } from '../agent/types.ts';
import { createDevice, eventually, type TestDevice, whet } from './e2e/daemon.ts';
import { photograph } from './images.ts';
import { noise } from './models.ts';

const shipped = (name: string) => fileURLToPath(new URL(`../models/${name}`, import.meta.url));
const place = mkdtempSync(join(tmpdir(), 'whet-predict-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));

function write(path: string, text: string | Uint8Array): string {
  const file = join(place, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text);
  return file;
}

/** Any of the answers: what a test asks for is there or it fails. */
interface Told extends Record<'answers', readonly ClassScore[]>, Record<'quantities', readonly Quantity[]> {
  readonly file: string;
  readonly distance: number;
  readonly threshold: number;
  readonly anomalous: boolean;
  readonly error: string;
}

const said = async (...args: readonly string[]) => {
  const answer = await whet('predict', ...args, '--json');
  return { ...answer, report: answer.json<Omit<PredictReport, 'files'> & { readonly files: readonly Told[] }>() };
};

describe('a classifier', () => {
  it('answers files and folders, most likely first, and says what could not be read', async () => {
    const good = shipped('spoken-digits/demo/0_american_0.wav');
    const folder = join(place, 'words');
    write('words/inner/7.wav', readFileSync(shipped('spoken-digits/demo/7_american_0.wav')));
    write('words/broken.wav', 'RIFF');
    write('words/notes.txt', 'not a capture');
    const { code, report, stderr } = await said(shipped('spoken-digits/model.onnx'), good, folder, join(place, 'nosuch.wav'));
    expect(code).toBe(0);
    expect(report).toMatchObject({
      model: shipped('spoken-digits/model.onnx'),
      name: 'spoken-digits',
      task: 'classification',
      release: null,
    });
    const [first, broken, seven, missing] = report.files;
    expect([first.file, first.answers[0]!.label]).toEqual([good, '0']);
    expect([seven.file, seven.answers[0]!.label]).toEqual([join(folder, 'inner/7.wav'), '7']);
    expect(first.answers).toHaveLength(10);
    expect(first.answers.reduce((sum, one) => sum + one.confidence, 0)).toBeCloseTo(1, 4);
    expect(broken.error).toMatch(/recording/);
    expect(missing).toEqual({ file: join(place, 'nosuch.wav'), error: 'there is no such file' });
    expect(stderr).toContain("'notes.txt'");
  });

  it('prints a table for people, and 65 where nothing could be read', async () => {
    const text = await whet('predict', shipped('spoken-digits/model.onnx'), shipped('spoken-digits/demo/0_american_0.wav'), '--top', '2');
    expect(text.stdout).toMatch(/file +is +sure +or\n.*0_american_0\.wav +0 +\d+\.\d % +'\d' \d+\.\d %\n/);
    const none = await whet('predict', shipped('objects/model.onnx'), write('page.jpg', '<html>'));
    expect(none).toMatchObject({ code: 65 });
    expect(none.stdout).toContain('page.jpg: not a picture');
    expect(await whet('predict', shipped('objects/model.onnx'))).toMatchObject({ code: 64 });
    const help = await whet('predict', '--help');
    expect(help).toMatchObject({ code: 0 });
    expect(help.stdout).toContain('whet predict [options] --config whetstone.yaml FILE...');
  });

  it('of one score has two answers; logits become probabilities', async () => {
    const scored = (ending: readonly ReturnType<typeof node>[], output: string, classes: number) =>
      model(
        graph('m', {
          inputs: [value('x', ['batch', 2])],
          outputs: [value(output, ['batch', classes])],
          nodes: [node('Gemm', ['x', 'w', 'b'], ['z']), ...ending],
          initializers: [
            ['w', floats([2, classes], classes === 1 ? [1, 0] : [1, 0, 0, 1])],
            ['b', floats([classes], 0)],
          ],
        }),
      );
    const card = (labels: readonly string[]) => JSON.stringify({ name: 'm', input: { kind: 'vector', values: 2 }, labels });
    const score = scored([node('Sigmoid', ['z'], ['y'])], 'y', 1);
    expect(lastActivation(score)).toBe('sigmoid');
    write('wake.json', card(['jarvis']));
    const yes = await said(write('wake.onnx', encodeModel(score)), write('yes.csv', '2, 0'));
    expect(yes.report.files).toMatchObject([{ answers: [{ label: 'jarvis' }, { label: 'not jarvis' }] }]);
    expect(yes.report.files[0]!.answers[0]!.confidence).toBeCloseTo(1 / (1 + Math.exp(-2)), 5);
    for (const [name, ending, last] of [
      ['logits', [], 'none'],
      ['soft', [node('Softmax', ['z'], ['p'], { axis: 1 }), node('Reshape', ['p', 'shape'], ['y'])], 'softmax'],
      ['log', [node('LogSoftmax', ['z'], ['y'], { axis: 1 })], 'log-softmax'],
    ] as const) {
      const made = scored([...ending], ending.length === 0 ? 'z' : 'y', 2);
      const shape = { dtype: 'int64' as const, dims: [2], data: BigInt64Array.of(-1n, 2n) };
      const whole = { ...made, graph: { ...made.graph, initializers: new Map([...made.graph.initializers, ['shape', shape as never]]) } };
      expect(lastActivation(whole)).toBe(last);
      write(`${name}.json`, card(['left', 'right']));
      const { report } = await said(write(`${name}.onnx`, encodeModel(whole)), write('vector.csv', '0, 3'));
      expect(report.files[0]!.answers[0]!.label).toBe('right');
      expect(report.files[0]!.answers[0]!.confidence).toBeCloseTo(1 / (1 + Math.exp(-3)), 5);
    }
  });
});

describe('models that adapt writes', () => {
  const base = { model: shipped('motion/model.onnx'), cut: { kind: 'layers', layers: 1 }, classes: 'keep', learner: 'auto' } as const;
  const readings = (seed: number, size: number) => {
    const grain = noise(110 * 6, seed + 1);
    const lines = Array.from({ length: 110 }, (_, at) => {
      const wave = size * Math.sin(at * 1.5 + seed);
      const axes = [0.8, 0.5, 0.33, 0, 0, 0].map((part, axis) => part * wave + (axis === 2 ? 0.98 : 0) + 0.02 * grain[at * 6 + axis]!);
      return [(at / 50).toFixed(3), ...axes.map((axis) => axis.toFixed(4))].join(',');
    });
    return `t,ax,ay,az,gx,gy,gz\n${lines.join('\n')}\n`;
  };

  it('quantities, with their names and units', async () => {
    const sizes = Array.from({ length: 24 }, (_, at) => 0.05 + 0.02 * ((at * 7) % 24));
    for (const [at, size] of sizes.entries()) write(`sizes/${at}.csv`, readings(at, size));
    write('sizes/targets.csv', `file,swing [g]\n${sizes.map((size, at) => `${at}.csv,${size}`).join('\n')}\n`);
    const more = { data: join(place, 'sizes'), out: join(place, 'gauge.onnx'), runtime: createRuntime(), seed: 1, force: true };
    await adaptRegression({ ...base, ...more });
    const { report } = await said(join(place, 'gauge.onnx'), write('small.csv', readings(90, 0.1)), write('large.csv', readings(91, 0.45)));
    expect(report).toMatchObject({ task: 'regression', files: [{ quantities: [{ name: 'swing', unit: 'g' }] }, {}] });
    const [small, large] = report.files.map((file) => file.quantities[0]!.value);
    expect(large).toBeGreaterThan(small + 0.1);
    const text = await whet('predict', join(place, 'gauge.onnx'), join(place, 'small.csv'));
    expect(text.stdout).toMatch(/file +swing \[g\]\n/);
  });

  it('anomalies, with the distance against the threshold', async () => {
    for (let at = 0; at < 24; at += 1) write(`normal/${at}.csv`, readings(at, 0.2));
    const more = { data: join(place, 'normal'), out: join(place, 'still.onnx'), runtime: createRuntime(), seed: 1, force: true };
    await adaptAnomaly({ ...base, ...more });
    const [usual, odd] = [write('usual.csv', readings(77, 0.2)), write('odd.csv', readings(78, 3))];
    const { report } = await said(join(place, 'still.onnx'), usual, odd);
    expect(report).toMatchObject({ task: 'anomaly', files: [{ file: usual }, { file: odd, anomalous: true }] });
    for (const { distance, threshold, anomalous } of report.files) expect(anomalous).toBe(distance > threshold);
    expect(report.files[0]!.distance).toBeLessThan(report.files[1]!.distance);
    expect((await whet('predict', join(place, 'still.onnx'), odd)).stdout).toMatch(/ANOMALOUS +\d/);
  });
});

describe('a device', () => {
  let device: TestDevice;
  beforeAll(() => {
    device = createDevice('asked', ['classes: replace', 'queries: {below: 0}']);
  });
  afterAll(() => device.close());

  it('answers by its current release beside the running daemon, and says the same as it', async () => {
    const before = await said('--config', device.config, write('disc.jpg', await photograph('disc', 4001)));
    expect(before.report).toMatchObject({ release: 'base', files: [{ file: join(place, 'disc.jpg') }] });
    await device.start();
    for (let at = 0; at < 8; at += 1)
      for (const label of ['disc', 'stripes'] as const) device.drop(`${label}/${at}.jpg`, await photograph(label, 50 + at));
    await eventually('16 labels', async () => (await device.client.status({})).samples.labelled === 16);
    await device.client.train({ reason: 'test' });
    const { current: release } = await device.client.releases({});
    expect(release).not.toBe('base');
    const shown = write('shown.jpg', await photograph('stripes', 4002));
    const after = await said('--config', device.config, shown);
    expect(after.report).toMatchObject({ release, task: 'classification' });
    device.drop('shown.jpg', await photograph('stripes', 4002));
    await eventually('the capture', async () => (await device.client.status({})).samples.total === 17);
    const [answer] = after.report.files[0]!.answers;
    expect(answer!.label).toBe('stripes');
    expect(await whet('predict', '--config', join(place, 'none.yaml'), shown)).toMatchObject({ code: 78 });
  });
});
