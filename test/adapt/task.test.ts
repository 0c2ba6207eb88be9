// `whet adapt --task regression` and `--task anomaly` from end to end: the shipped motion model, recordings as CSV files, the written file run again.

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { adaptAnomaly } from '../../agent/adapt/anomaly.ts';
import { adaptRegression } from '../../agent/adapt/regression.ts';
import type { AdaptOptions } from '../../agent/adapt/report.ts';
import { readTargets } from '../../agent/adapt/targets.ts';
import { adapt } from '../../agent/adapt.ts';
import { loadCard } from '../../agent/config/card.ts';
import { quantize } from '../../agent/quantize.ts';
import { randomOf } from '../../agent/random.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { noise } from '../models.ts';

const model = fileURLToPath(new URL('../../models/motion/model.onnx', import.meta.url));
const place = mkdtempSync(join(tmpdir(), 'whet-task-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));

/** A machine that vibrates at 12 Hz; `knock` adds short blows, as a worn bearing does. */
function machine(seed: number, amplitude: number, knock = 0): string {
  const random = randomOf(seed);
  const [first, second] = [random(), random()];
  const grain = noise(120 * 6, seed * 7919 + 1);
  const lines = Array.from({ length: 110 }, (_, at) => {
    const t = at / 50;
    const shake = amplitude * Math.sin(2 * Math.PI * 12 * t + 6 * first);
    const since = (t + second) % 0.2;
    const blow = knock * Math.exp(-since / 0.02) * Math.cos(150 * since);
    const values = [0.8, 0.5, 0.33, 0, 0, 0].map(
      (part, axis) => part * (shake + blow) + (axis === 2 ? 0.98 : 0) + 0.02 * grain[at * 6 + axis]!,
    );
    return [t.toFixed(3), ...values.map((value) => value.toFixed(4))].join(',');
  });
  return `t,ax,ay,az,gx,gy,gz\n${lines.join('\n')}\n`;
}

function folder(name: string, files: Readonly<Record<string, string>>): string {
  const path = join(place, name);
  mkdirSync(path, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
  return path;
}

const many = (count: number, make: (at: number) => string) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`${at}.csv`, make(at)]));
const amplitude = (seed: number) => 0.05 + 0.5 * randomOf(seed + 7)();
const labelled = (name: string, count: number, seed: number) => {
  const lines = Array.from({ length: count }, (_, at) => `${at}.csv,${amplitude(seed + at)}`);
  return folder(name, {
    ...many(count, (at) => machine(seed + at, amplitude(seed + at))),
    'targets.csv': `file,amplitude [g]\n${lines.join('\n')}\n`,
  });
};

const options = (more: Partial<AdaptOptions>): AdaptOptions => ({
  model,
  data: place,
  cut: { kind: 'layers', layers: 1 },
  classes: 'keep',
  learner: 'auto',
  runtime: createRuntime(),
  seed: 1,
  force: false,
  out: join(place, 'out.onnx'),
  ...more,
});

describe('regression', () => {
  it('learns a quantity, says how well on captures it never saw, and can be adapted again', async () => {
    const data = labelled('amplitudes', 30, 100);
    const test = labelled('others', 20, 900);
    const first = await adaptRegression(options({ data, test, out: join(place, 'gauge.onnx') }));
    expect(first).toMatchObject({
      task: 'regression',
      targets: [{ name: 'amplitude', unit: 'g' }],
      samples: { train: 30, test: 20, unreadable: 0 },
      judgedOn: 'test',
      before: null,
      verdict: { kind: 'accepted' },
    });
    expect(first.after[0]!.r2.value).toBeGreaterThan(0.7);
    expect(await loadCard(join(place, 'gauge.json'))).toMatchObject({
      task: 'regression',
      targets: [{ name: 'amplitude', unit: 'g' }],
      labels: [],
    });
    // The same data again are no reason for a new model.
    const seen = new Map<string, number>();
    const progress = (_done: number, _total: number | null, what: string) => void seen.set(what, (seen.get(what) ?? 0) + 1);
    const again = await adaptRegression(
      options({ model: join(place, 'gauge.onnx'), data, test, out: join(place, 'again.onnx'), progress }),
    );
    // Each capture goes through a model once, and four of them through the new file as a whole.
    expect(Object.fromEntries(seen)).toEqual({ features: 30, 'features of the test': 20, proof: 4 });
    expect(again.before![0]!.meanAbsoluteError.value).toBeCloseTo(first.after[0]!.meanAbsoluteError.value, 3);
    expect(again.verdict.kind).toBe('rejected');
    expect(existsSync(join(place, 'again.onnx'))).toBe(false);
  });

  it('judges by left-out predictions without a test, and refuses to learn what is not there', async () => {
    const data = labelled('left-out', 24, 300);
    const report = await adaptRegression(options({ data, out: join(place, 'left-out.onnx') }));
    expect(report).toMatchObject({ judgedOn: 'left-out', verdict: { kind: 'accepted' } });
    const lines = Array.from({ length: 24 }, (_, at) => `${at}.csv,${randomOf(at + 5000)()}`);
    writeFileSync(join(data, 'targets.csv'), `file,nonsense\n${lines.join('\n')}`);
    expect((await adaptRegression(options({ data, out: join(place, 'nonsense.onnx') }))).verdict.kind).toBe('rejected');
  });

  it('without a table of targets says how one is written, not how classes are laid out', async () => {
    const data = folder(
      'no-table',
      many(3, (at) => machine(at, 0.1)),
    );
    await expect(adaptRegression(options({ data, out: join(place, 'none.onnx') }))).rejects.toMatchObject({
      message: expect.stringContaining('has no targets.csv'),
      hint: expect.stringContaining('file,weight [kg]'),
    });
  });

  it('takes folders that are named like their number', async () => {
    for (const value of ['0.1', '0.2', '0.4'])
      folder(
        join('numbers', value),
        many(5, (at) => machine(Number(value) * 1000 + at, Number(value))),
      );
    const report = await adaptRegression(options({ data: join(place, 'numbers'), out: join(place, 'numbers.onnx') }));
    expect(report).toMatchObject({ targets: [{ name: 'value', unit: '' }], samples: { train: 15 }, verdict: { kind: 'accepted' } });
  });

  it.each([
    ['a number that is none', 'file,kg\na.csv,heavy\n', /line 2 .* does not hold 1 number/],
    ['a missing number', 'file,kg\na.csv\n', /line 2/],
    ['infinity', 'file,kg\na.csv,Infinity\n', /line 2/],
    ['a file that is not there', 'file,kg\nb.csv,1\n', /no such file/],
    ['a path that leads out', 'file,kg\n../secret.csv,1\n', /outside of the folder/],
    ['a file twice', 'file,kg\na.csv,1\na.csv,2\n', /twice/],
    ['no target', 'file\na.csv\n', /names 0 targets/],
    ['nothing', '', /is empty/],
  ])('refuses a table with %s', async (_what, text, message) => {
    writeFileSync(join(place, 'secret.csv'), 'x');
    const data = folder('hostile', { 'a.csv': 'x', 'targets.csv': text });
    await expect(readTargets(data)).rejects.toMatchObject({ code: 'data-unusable', message: expect.stringMatching(message) });
  });

  it('reads quoted names and other separators', async () => {
    const data = folder('quoted', { 'a, "b".csv': 'x', 'targets.csv': 'file;kg;"m [cm]"\r\n"a, ""b"".csv";1;2.5\r\n' });
    const { targets, values } = await readTargets(data);
    expect(targets).toEqual([
      { name: 'kg', unit: '' },
      { name: 'm', unit: 'cm' },
    ]);
    expect([...values.values()]).toEqual([[1, 2.5]]);
  });
});

describe('anomaly', () => {
  const normal = folder(
    'normal',
    many(40, (at) => machine(at, 0.25)),
  );
  const checks = join(place, 'checks');
  folder(
    join('checks', 'normal'),
    many(25, (at) => machine(2000 + at, 0.25)),
  );
  folder(
    join('checks', 'anomalous'),
    many(25, (at) => machine(3000 + at, 0.25, 0.8)),
  );

  it('learns what is normal, ranks what is not higher, and says how often it cries wolf', async () => {
    const report = await adaptAnomaly(options({ data: normal, test: checks, out: join(place, 'watch.onnx') }));
    expect(report).toMatchObject({
      samples: { normal: 40, testNormal: 25, testAnomalous: 25, unreadable: 0 },
      judgedOn: 'test',
      verdict: { kind: 'accepted' },
    });
    expect(report.auroc!.low).toBeGreaterThan(0.8);
    expect(report.falseAlarms.value).toBeLessThanOrEqual(0.2);
    expect(await loadCard(join(place, 'watch.json'))).toMatchObject({ task: 'anomaly', threshold: report.threshold });
  });

  it('is rejected where its threshold finds nothing, however well it ranks, and says which false alarms would help', async () => {
    // One normal capture that shakes harder than the others sets the threshold of 1 %.
    const loud = folder('loud', {
      ...many(30, (at) => machine(at, 0.25)),
      'loud.csv': machine(77, 0.25, 6),
    });
    const report = await adaptAnomaly(options({ data: loud, test: checks, out: join(place, 'deaf.onnx') }));
    expect(report).toMatchObject({ detected: { value: 0 }, artifact: null, verdict: { kind: 'rejected' } });
    expect(report.verdict.reason).toMatch(/Its threshold finds too little: at its threshold of .* 0 of 25 anomalous.*--false-alarms \d+%/);
    const wished = await adaptAnomaly(options({ data: loud, test: checks, falseAlarms: 0.1, out: join(place, 'hears.onnx') }));
    expect(wished).toMatchObject({ allowedAlarms: 0.1, verdict: { kind: 'accepted' } });
    expect(wished.threshold).toBeLessThan(report.threshold);
  });

  it('does not learn a folder called anomalous as normal, but judges by it', async () => {
    const report = await adaptAnomaly(options({ data: checks, out: join(place, 'both.onnx') }));
    expect(report).toMatchObject({ samples: { normal: 25, testNormal: 0, testAnomalous: 25 }, judgedOn: 'left-out' });
    const only = join(place, 'only');
    mkdirSync(join(only, 'anomalous'), { recursive: true });
    await expect(adaptAnomaly(options({ data: only }))).rejects.toMatchObject({ code: 'data-unusable' });
  });

  it('is rejected where the test shows no difference, and waits where there is too little', async () => {
    const same = join(place, 'same');
    mkdirSync(join(same, 'normal'), { recursive: true });
    mkdirSync(join(same, 'anomalous'), { recursive: true });
    for (let at = 0; at < 24; at += 1)
      copyFileSync(join(checks, 'normal', `${at}.csv`), join(same, at % 2 === 0 ? 'normal' : 'anomalous', `${at}.csv`));
    const report = await adaptAnomaly(options({ data: normal, test: same, out: join(place, 'no.onnx') }));
    expect([report.verdict.kind, report.artifact]).toEqual(['rejected', null]);
    const few = folder(
      'few',
      many(5, (at) => machine(at, 0.25)),
    );
    expect((await adaptAnomaly(options({ data: few, out: join(place, 'no.onnx') }))).verdict.kind).toBe('waiting');
    expect(existsSync(join(place, 'no.onnx'))).toBe(false);
  });

  it('refuses tests of other folders, deeper tails, and its own models as a base', async () => {
    await expect(adaptAnomaly(options({ data: normal, test: place }))).rejects.toMatchObject({ code: 'data-unusable' });
    await expect(adaptAnomaly(options({ data: normal, cut: { kind: 'layers', layers: 3 } }))).rejects.toMatchObject({ code: 'usage' });
    const watch = join(place, 'detector.onnx');
    await adaptAnomaly(options({ data: normal, out: watch }));
    await expect(adaptAnomaly(options({ model: watch, data: normal }))).rejects.toMatchObject({ code: 'model-unsupported' });
    await expect(adapt(options({ model: watch, data: checks }))).rejects.toMatchObject({
      code: 'model-unsupported',
      message: expect.stringContaining('anomaly score'),
    });
    const job = {
      model: watch,
      data: normal,
      ranges: 'minmax',
      percent: 99,
      biasCorrection: false,
      samples: 5,
      keepFloat: [],
      activations: 'uint8',
      perChannel: true,
      reduceRange: false,
      runtime: createRuntime(),
      out: join(place, 'q.onnx'),
    } as const;
    await expect(quantize(job)).rejects.toMatchObject({ code: 'model-unsupported' });
  });

  it('is a verb: the task stands on the command line or in the card', async () => {
    const whet = (...args: readonly string[]) =>
      spawnSync(process.execPath, [fileURLToPath(new URL('../../agent/main.ts', import.meta.url)), ...args], { encoding: 'utf8' });
    const run = whet('adapt', model, '--task', 'anomaly', '--data', normal, '--test', checks, '--out', join(place, 'verb.onnx'));
    expect(run.stdout).toContain('AUROC');
    expect(run.status).toBe(0);
    const data = labelled('amplitudes-again', 30, 100);
    await adaptRegression(options({ data, out: join(place, 'by-card.onnx') }));
    const again = whet('adapt', join(place, 'by-card.onnx'), '--data', data, '--out', join(place, 'by-card-2.onnx'), '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ task: 'regression', verdict: { kind: 'rejected' } });
    expect(again.status).toBe(75);
    const config = join(place, 'whetstone.yaml');
    writeFileSync(config, `model: ${join(place, 'verb.onnx')}\nsources: []\n`);
    const check = whet('check', '--config', config, '--json');
    expect(check.stdout).toContain('takes classifiers');
  });
});
