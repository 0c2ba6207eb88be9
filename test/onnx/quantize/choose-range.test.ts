import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asymmetricScale, dequantizeTensor, quantizeTensor } from '../../../agent/onnx/forms/quantized-values.ts';
import { chooseRange, type RangeMethod } from '../../../agent/onnx/quantize/choose-range.ts';
import { countValues, emptyHistogram, widenRange } from '../../../agent/onnx/quantize/histogram.ts';
import { noise } from '../../models.ts';

const methods: readonly RangeMethod[] = [{ kind: 'minmax' }, { kind: 'percentile', percent: 99.9 }, { kind: 'entropy' }];

function histogramOf(values: Float32Array) {
  const histogram = emptyHistogram(widenRange({ min: 0, max: 0 }, values));
  countValues(histogram, values);
  return histogram;
}

/** Sums of twelve uniform numbers: nearly normal, standard deviation 1. */
function normal(count: number, seed: number): Float32Array {
  const uniform = noise(count * 12, seed);
  return Float32Array.from({ length: count }, (_, at) => uniform.subarray(12 * at, 12 * at + 12).reduce((a, b) => a + b, 0) / 2);
}

function error(values: Float32Array, min: number, max: number): number {
  const { scale, zeroPoint } = asymmetricScale(min, max, 'uint8');
  const tensor = { dtype: 'float32', dims: [values.length], data: values } as const;
  const stored = quantizeTensor(tensor, [scale], zeroPoint, 'uint8', 0);
  const back = dequantizeTensor(
    stored,
    { dtype: 'float32', dims: [], data: Float32Array.of(scale) },
    { dtype: 'uint8', dims: [], data: Uint8Array.of(zeroPoint) },
    0,
  );
  return values.reduce((sum, value, at) => sum + Math.abs(value - ((back.data as Float32Array)[at] as number)), 0) / values.length;
}

describe('chooseRange', () => {
  it.each([{ kind: 'percentile', percent: 99.9 }, { kind: 'entropy' }] as const)(
    'leaves a far outlier out, and the rest gains: %o',
    (method) => {
      const values = normal(20_000, 4);
      values[7] = 60;
      const { min, max } = chooseRange(histogramOf(values), method);
      expect(max).toBeLessThan(12);
      expect(max).toBeGreaterThan(2);
      expect(min).toBeLessThan(-2);
      const typical = values.filter((value) => value < 10);
      expect(error(typical, min, max)).toBeLessThan(0.5 * error(typical, -5, 60));
    },
  );

  it('takes everything with minmax', () => {
    const values = Float32Array.of(-1, 0.5, 60);
    expect(chooseRange(histogramOf(values), { kind: 'minmax' })).toEqual({ min: -1, max: 60 });
  });

  it('keeps what a Relu gives on its side of zero', () => {
    const values = normal(20_000, 5).map((value) => Math.max(0, value));
    for (const method of methods) {
      const range = chooseRange(histogramOf(values), method);
      expect(range.min).toBe(0);
      expect(range.max).toBeGreaterThan(2);
    }
    // Half of them are exactly zero, which every scale holds: they do not count as values that are inside.
    expect(chooseRange(histogramOf(values), { kind: 'percentile', percent: 90 }).max).toBeLessThan(2);
  });

  it('stays within what was seen, holds zero, and never turns inside out', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: -1000, max: 1000, noNaN: true }), { minLength: 1, maxLength: 200 }),
        fc.constantFrom(...methods),
        (list, method) => {
          const values = Float32Array.from(list);
          const { min, max } = chooseRange(histogramOf(values), method);
          expect(min).toBeLessThanOrEqual(0);
          expect(max).toBeGreaterThanOrEqual(0);
          expect(min).toBeGreaterThanOrEqual(Math.min(0, ...values) - 1e-3);
          expect(max).toBeLessThanOrEqual(Math.max(0, ...values) + 1e-3);
          if (values.some((value) => value !== 0)) expect(max - min).toBeGreaterThan(0);
        },
      ),
    );
  });
});
