// What the tests of `whet adapt` share: a small quantized model that was never trained, and photographs that it can be taught to tell apart.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { AdaptOptions, AdaptReport } from '../../agent/adapt/report.ts';
import { adapt } from '../../agent/adapt.ts';
import type { WhetError } from '../../agent/errors.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { forms, modelOf } from '../forms.ts';
import { drawPixels, type PhotographClass } from '../images.ts';

export const labels = ['disc', 'square', 'triangle', 'ring', 'cross'] as const;
export const input = {
  kind: 'image',
  width: 8,
  height: 8,
  channels: 'rgb',
  layout: 'nchw',
  range: [-1, 1],
  mean: [],
  std: [],
  resize: 'fill',
};
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

export async function tinted(label: PhotographClass, seed: number): Promise<Buffer> {
  const pixels = drawPixels(label, seed, 32, 32).map((value, at) => value * tints[label][(at % 3) as 0 | 1 | 2]);
  return sharp(Buffer.from(pixels), { raw: { width: 32, height: 32, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
}

/** A folder a class. `named` puts the photographs of one class into the folder of another. */
export async function photographs(
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

export interface Workplace {
  /** Lives as long as the test file. */
  readonly shared: string;
  readonly model: string;
  readonly train: string;
  readonly test: string;
  /** A new folder for each test. */
  readonly place: string;
  /** What the present test was told on the way. */
  readonly notes: readonly string[];
  run(more?: Partial<AdaptOptions>): Promise<AdaptReport>;
  failureOf(more: Partial<AdaptOptions>): Promise<WhetError>;
  /** Names in `place`. */
  entries(): readonly string[];
}

/** Call once, outside of tests. */
export function openWorkplace(): Workplace {
  const shared = mkdtempSync(join(tmpdir(), 'whet-adapt-'));
  const [model, train, test] = [join(shared, 'base.onnx'), join(shared, 'train'), join(shared, 'test')];
  let place = shared;
  let notes: string[] = [];
  beforeAll(async () => {
    writeFileSync(model, encodeModel(await modelOf(form)));
    writeFileSync(join(shared, 'base.json'), JSON.stringify({ name: 'base', input, labels }));
    await photographs(train, labels, 12, 1);
    await photographs(test, labels, 10, 2);
  });
  beforeEach(() => {
    place = mkdtempSync(join(shared, 'case-'));
    notes = [];
  });
  afterAll(() => rmSync(shared, { recursive: true, force: true }));
  const run = (more: Partial<AdaptOptions> = {}) =>
    adapt({
      model,
      data: train,
      cut: { kind: 'layers', layers: 1 },
      classes: 'keep',
      learner: 'auto',
      runtime: createRuntime(),
      seed: 1,
      force: false,
      out: join(place, 'mine.onnx'),
      note: (sentence) => notes.push(sentence),
      ...more,
    });
  return {
    shared,
    model,
    train,
    test,
    get place() {
      return place;
    },
    get notes() {
      return notes;
    },
    run,
    failureOf: (more) =>
      run(more).then(
        () => Promise.reject(new Error('it was adapted')),
        (error: WhetError) => error,
      ),
    entries: () => readdirSync(place).sort(),
  };
}

export const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** The command itself, for its exit status and its output. */
export const whet = (...args: readonly string[]) =>
  spawnSync(process.execPath, [fileURLToPath(new URL('../../agent/main.ts', import.meta.url)), 'adapt', ...args], { encoding: 'utf8' });
