// Small models that other people made, each of a kind that was once refused or trained wrongly: what `inspect` says of it, and that `adapt` teaches
// its last layer to tell two things apart and writes a file that does. The same kinds, made here, stand in test/model/common-models.ts.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { adapt } from '../../agent/adapt.ts';
import { inspect } from '../../agent/model/inspect.ts';
import { randomOf } from '../../agent/random.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';

const models = fileURLToPath(new URL('../../../shared/findings/inputs/models/', import.meta.url));
const place = mkdtempSync(join(tmpdir(), 'whet-foreign-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));

type Input = { readonly kind: string } & Readonly<Record<string, unknown>>;
const image = (width: number, height: number, more: object = {}): Input => ({
  kind: 'image',
  width,
  height,
  channels: 'rgb',
  layout: 'nchw',
  range: [0, 1],
  resize: 'fill',
  ...more,
});
const gray = (width: number, height: number, more: object = {}) => image(width, height, { channels: 'gray', ...more });
const vector = (values: number): Input => ({ kind: 'vector', values });
const channels = Array.from({ length: 16 }, (_, at) => ({ name: `c${at}` }));
const wave: Input = { kind: 'audio', sampleRate: 2000, samples: 1960 };

/** File, what its outputs are, how many classes, numbers in its last layer, the form, what its input is. */
const cases: readonly (readonly [string, string, number, number, string, Input])[] = [
  ['bc_t2', 'classes', 2, 130, 'none', gray(151, 40)],
  ['cntk_mnist', 'classes', 10, 2570, 'none', gray(28, 28, { range: [0, 255] })],
  ['ece_v1_int8', 'classes', 6, 110598, 'qdq', gray(96, 96)],
  ['kws_qdq', 'classes', 10, 170, 'qdq', wave],
  ['mlpack_tf_act', 'classes', 3, 33, 'none', vector(100)],
  ['omr_q', 'classes', 10, 1290, 'dynamic', gray(41, 76, { layout: 'nhwc', range: [0, 255] })],
  ['ort_voice', 'classes', 26, 442, 'none', vector(6)],
  ['oww_spock', 'one-score', 2, 33, 'none', { kind: 'sensor', channels, sampleRate: 10, samples: 96, time: null }],
  ['z_castweight', 'classes', 4, 36, 'none', image(8, 8)],
  ['z_constmax_backbone', 'classes', 4, 36, 'none', image(8, 8)],
  ['z_constmax_tail', 'classes', 4, 36, 'none', image(8, 8)],
  ['z_reshapeweight', 'classes', 4, 36, 'none', image(8, 8)],
];

/** A capture of one of two kinds: bright at the top or at the bottom, rising or falling. */
async function capture(input: Input, kind: 0 | 1, seed: number): Promise<{ readonly bytes: Buffer; readonly ending: string }> {
  const random = randomOf(seed * 2 + kind);
  const noisy = (value: number) => value + 0.15 * (random() - 0.5);
  const slope = (share: number) => noisy(kind === 0 ? share : 1 - share);
  if (input.kind === 'image') {
    const [width, height] = [32, 32];
    const pixels = Buffer.from(
      Array.from({ length: width * height * 3 }, (_, at) =>
        Math.round(255 * Math.min(1, Math.max(0, slope(Math.floor(at / 3 / width) / height)))),
      ),
    );
    return {
      bytes: await sharp(pixels, { raw: { width, height, channels: 3 } })
        .png()
        .toBuffer(),
      ending: 'png',
    };
  }
  if (input.kind === 'vector') {
    const { values } = input as unknown as { readonly values: number };
    return {
      bytes: Buffer.from(
        Array.from({ length: values }, (_, at) => (kind === 0 ? 3 : -3) * Math.sin(at + 1) + 2 * (random() - 0.5)).join(','),
      ),
      ending: 'csv',
    };
  }
  const lines = Array.from({ length: 96 }, () => channels.map((_, at) => slope(at / 16).toFixed(3)).join(','));
  return { bytes: Buffer.from([channels.map(({ name }) => name).join(','), ...lines, ''].join('\n')), ending: 'csv' };
}

async function captures(name: string, input: Input): Promise<string> {
  const data = join(place, `${name}-data`);
  if (input === wave) {
    mkdirSync(data);
    spawnSync('tar', ['-xzf', join(models, 'kws_qdq-data-train.tgz'), '-C', data]);
    return join(data, 'train');
  }
  for (const kind of [0, 1] as const) {
    mkdirSync(join(data, `kind ${kind}`), { recursive: true });
    for (let seed = 1; seed <= 12; seed += 1) {
      const { bytes, ending } = await capture(input, kind, seed);
      writeFileSync(join(data, `kind ${kind}`, `${seed}.${ending}`), bytes);
    }
  }
  return data;
}

describe.skipIf(!existsSync(models))('models that other people made (skipped where ../shared is absent)', () => {
  it.each(cases)('%s', { timeout: 120_000 }, async (name, answers, classes, parameters, quantization, input) => {
    const model = join(models, `${name}.onnx`);
    const report = await inspect(model, { cut: { kind: 'layers', layers: 1 }, samples: 2, runtime: createRuntime() });
    expect(report).toMatchObject({ answers, model: { classes, quantization }, tail: { parameters }, proof: { splitMaxAbsDiff: 0 } });
    expect(report.training.kind).toBe('planned');
    const card = join(place, `${name}.card.json`);
    // Its weight lies in another shape in the file, which new classes do not fit into; it is refused by name, and its own classes are trained.
    const isKept = name === 'z_reshapeweight';
    writeFileSync(card, JSON.stringify({ name, input, labels: isKept ? ['kind 0', 'kind 1', 'kind 2', 'kind 3'] : [] }));
    const learned = await adapt({
      model,
      card,
      data: await captures(name, input),
      cut: { kind: 'layers', layers: 1 },
      classes: isKept ? 'keep' : 'replace',
      learner: 'auto',
      runtime: createRuntime(),
      seed: 1,
      force: false,
      out: join(place, `${name}.onnx`),
    });
    // What is told apart by where it is bright is told apart by any network's features; ten tones hardly are by those of speech, nor anything by six numbers.
    const isHard = input === wave || name === 'ort_voice';
    const wanted = isHard ? { kind: learned.verdict.kind } : { kind: 'accepted' };
    expect(learned.verdict, learned.verdict.reason).toMatchObject(wanted);
    if (input !== wave) expect(learned.evidence.agreement!).toBeGreaterThan(0.9);
    if (learned.artifact === null) return;
    const again = await inspect(learned.artifact.file, { cut: { kind: 'layers', layers: 1 }, samples: 2, runtime: createRuntime() });
    expect(again).toMatchObject({ model: { classes: learned.classes.length, quantization }, proof: { splitMaxAbsDiff: 0 } });
  });
});
