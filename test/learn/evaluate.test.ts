// Scores of predictions against counts done by hand; the scale of logits against a search over a grid.
import { describe, expect, it } from 'vitest';
import { evaluate, hits, proportion, topClasses } from '../../agent/learn/evaluate.ts';
import { crossEntropy, fitScale } from '../../agent/learn/temperature.ts';
import { noise } from '../models.ts';

const classes = 3;
const logits = Float32Array.of(2, 0, 0, 0, 3, 0, 1, 1, 0, 0, 0, 5);
const labels = [0, 1, 1, 0];

describe('an evaluation', () => {
  it('counts hits, confusion and recall; the first of equal classes is the guess', () => {
    expect([...topClasses(logits, classes)]).toEqual([0, 1, 0, 2]);
    expect(hits(logits, labels, classes)).toEqual([true, true, false, false]);
    const result = evaluate({ logits, labels, classes });
    expect(result.accuracy).toMatchObject({ value: 0.5, samples: 4 });
    expect(result.confusion).toEqual([
      [1, 0, 1],
      [1, 1, 0],
      [0, 0, 0],
    ]);
    expect(result.recall).toEqual([0.5, 0.5, null]);
  });

  it('gives Wilson’s interval (8 of 10: 0.490 to 0.943)', () => {
    const { low, high } = proportion(8, 10);
    expect(low).toBeCloseTo(0.4902, 4);
    expect(high).toBeCloseTo(0.9433, 4);
    expect(proportion(0, 0)).toEqual({ value: 0, samples: 0, low: 0, high: 1 });
  });

  it('sees overconfidence: always sure and half the time right is an error of one half', () => {
    const sure = Float32Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? 50 : 0));
    const half = Array.from({ length: 10 }, (_, row) => row % 2);
    expect(evaluate({ logits: sure, labels: half, classes: 2 }).calibrationError).toBeCloseTo(0.5, 5);
  });
});

describe('the scale of logits', () => {
  const count = 300;
  const truth = Array.from({ length: count }, (_, row) => row % classes);
  const raw = noise(count * classes, 3);
  for (const [row, label] of truth.entries()) raw[row * classes + label]! += 0.4;

  it('is the one that fits best, whatever the logits were multiplied by', () => {
    const scale = fitScale({ logits: raw, labels: truth, classes });
    const lossAt = (factor: number) => crossEntropy({ logits: raw, labels: truth, classes }, factor, 1 / (count + 2));
    for (const factor of [0.5, 0.8, 0.95, 1.05, 1.25, 2]) expect(lossAt(scale)).toBeLessThan(lossAt(scale * factor));
    const tenfold = fitScale({ logits: raw.map((value) => value * 10), labels: truth, classes });
    expect(tenfold).toBeCloseTo(scale / 10, 3);
  });

  it('stays finite where every row is right', () => {
    const right = Float32Array.from({ length: 30 }, (_, at) => (at % 3 === Math.floor(at / 3) % 3 ? 1 : 0));
    const scale = fitScale({ logits: right, labels: Array.from({ length: 10 }, (_, row) => row % 3), classes });
    expect(scale).toBeGreaterThan(1);
    expect(scale).toBeLessThan(10);
  });
});
