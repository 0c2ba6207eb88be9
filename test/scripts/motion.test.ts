// models/motion: the synthetic recordings are physically sensible, the shipped file gives its golden outputs and knows people it never met, and
// `whet adapt` teaches it a movement of somebody's own from CSV files.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { adapt } from '../../agent/adapt.ts';
import { loadCard } from '../../agent/config/card.ts';
import { loadModel } from '../../agent/model/load.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { decodeSafeTensors } from '../../agent/onnx/codec/safetensors.ts';
import type { Tensor } from '../../agent/onnx/ir.ts';
import { preprocessCapture } from '../../agent/preprocess/capture-input.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { openSession } from '../../agent/runtime/session.ts';

interface Reading {
  readonly t: number;
  readonly values: readonly number[];
}

const { classes, record, toCsv } = (await import(new URL('../../scripts/models/motion/recordings.mjs', import.meta.url).href)) as {
  readonly classes: readonly string[];
  record(name: string, person: number, recording: number): readonly Reading[];
  toCsv(readings: readonly Reading[]): string;
};

const folder = fileURLToPath(new URL('../../models/motion/', import.meta.url));
const place = mkdtempSync(join(tmpdir(), 'whet-motion-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));
const strangers = [5001, 5002, 5003, 5004];
const size = (values: readonly number[]) => Math.hypot(...values);
const forces = (name: string, person: number, recording = 0) =>
  record(name, person, recording).map(({ values }) => size(values.slice(0, 3)));
const turns = (name: string, person: number, recording = 0) => record(name, person, recording).map(({ values }) => size(values.slice(3)));
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

describe('synthetic recordings', () => {
  it('feel gravity at rest, nothing in free fall, and a blow on landing', () => {
    for (const person of strangers) {
      expect(mean(forces('resting', person))).toBeGreaterThan(0.9);
      expect(mean(forces('resting', person))).toBeLessThan(1.1);
      const fall = forces('falling', person);
      expect(Math.min(...fall)).toBeLessThan(0.15);
      expect(Math.max(...fall)).toBeGreaterThan(1.5);
    }
  });

  it('differ as the movements do: who runs is shaken more than who walks, who turns turns', () => {
    for (const person of strangers) {
      const spread = (name: string) => Math.max(...forces(name, person)) - Math.min(...forces(name, person));
      expect(spread('running')).toBeGreaterThan(spread('walking'));
      expect(spread('walking')).toBeGreaterThan(spread('resting'));
      expect(Math.max(...turns('turning', person))).toBeGreaterThan(60);
      expect(Math.max(...turns('vibrating', person))).toBeLessThan(40);
    }
  });

  it('are the same again for the same person and number, and come at uneven times', () => {
    expect(record('walking', 5001, 3)).toEqual(record('walking', 5001, 3));
    expect(record('walking', 5001, 4)[9]).not.toEqual(record('walking', 5001, 3)[9]);
    const times = record('walking', 5001, 3).map(({ t }) => t);
    expect(new Set(times.slice(1).map((t, at) => (t - times[at]!).toFixed(3))).size).toBeGreaterThan(1);
  });
});

describe('the shipped model', () => {
  it('gives its golden outputs', async () => {
    const { tensors } = decodeSafeTensors(readFileSync(join(folder, 'golden.safetensors')));
    const windows = tensors.get('windows') as Tensor;
    await using session = await openSession(readFileSync(join(folder, 'model.onnx')), { label: 'motion', optimization: 'disabled' });
    const [input = ''] = session.inputNames;
    const outputs = (await session.run({ [input]: windows }))[session.outputNames[0] ?? '']?.data as Float32Array;
    const golden = tensors.get('outputs')?.data as Float32Array;
    expect(outputs.length).toBe(golden.length);
    // Other processors round some 8-bit values to the neighbour.
    for (const [at, value] of outputs.entries()) expect(Math.abs(value - golden[at]!)).toBeLessThan(0.3);
  });

  it('knows what people do whom it never met, from their CSV files', async () => {
    const card = await loadCard(join(folder, 'model.json'));
    await using session = await openSession(encodeModel(loadModel(join(folder, 'model.onnx')).model), { label: 'motion' });
    let right = 0;
    for (const person of strangers)
      for (const [label, name] of classes.entries())
        for (const recording of [0, 1, 2]) {
          const { data } = await preprocessCapture(new TextEncoder().encode(toCsv(record(name, person, recording))), card.input);
          const out = await session.run({ [session.inputNames[0] ?? '']: { dtype: 'float32', dims: [1, 6, 100], data } });
          const scores = out[session.outputNames[0] ?? '']?.data as Float32Array;
          if (scores.indexOf(Math.max(...scores)) === label) right += 1;
        }
    expect(card.labels).toEqual(classes);
    expect(right / (strangers.length * classes.length * 3)).toBeGreaterThan(0.93);
  });

  it('learns a movement of its owner from a folder of CSV files, and keeps the others', async () => {
    // Knocking on the device: four short blows a second while it lies.
    const knocking = (recording: number) =>
      record('resting', 5001, recording).map(({ t, values }) => {
        const since = (t + recording / 17) % 0.25;
        const blow = 4 * Math.exp(-since / 0.02) * Math.cos(120 * since);
        return { t, values: values.map((value, axis) => (axis < 3 ? value + blow * [0.3, -0.2, 0.9][axis]! : value)) };
      });
    for (const [name, make] of [
      ['knocking', knocking],
      ['resting', (at: number) => record('resting', 5002, at)],
      ['vibrating', (at: number) => record('vibrating', 5002, at)],
    ] as const) {
      mkdirSync(join(place, 'data', name), { recursive: true });
      for (let at = 0; at < 10; at += 1) writeFileSync(join(place, 'data', name, `${at}.csv`), toCsv(make(at)));
    }
    writeFileSync(join(place, 'data', 'resting', 'broken.csv'), 't,ax,ay,az,gx,gy,gz\n0,1,2,oops,4,5,6\n');
    const report = await adapt({
      model: join(folder, 'model.onnx'),
      data: join(place, 'data'),
      cut: { kind: 'layers', layers: 1 },
      classes: 'extend',
      learner: 'closed-form',
      runtime: createRuntime(),
      seed: 1,
      force: false,
      out: join(place, 'mine.onnx'),
    });
    expect([report.verdict.kind, report.verdict.reason]).toEqual(['accepted', expect.any(String)]);
    expect(report.classes).toEqual([...classes, 'knocking']);
    expect(report.samples.unreadable).toBe(1);
    expect(report.after.float!).toBeGreaterThan(0.9);
    expect(report.base!.after).toBeGreaterThanOrEqual(report.base!.before - 0.0201);
  });
});
