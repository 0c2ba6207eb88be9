import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from '../../../agent/onnx/codec/float16.ts';

describe('16-bit floats', () => {
  it('every pattern of a number comes back', () => {
    for (let bits = 0; bits < 65_536; bits += 1) {
      if (Number.isNaN(fromFloat16(bits))) expect(fromFloat16(toFloat16(fromFloat16(bits)))).toBeNaN();
      else expect(toFloat16(fromFloat16(bits))).toBe(bits);
      if (!Number.isNaN(fromBfloat16(bits))) expect(toBfloat16(fromBfloat16(bits))).toBe(bits);
    }
  });

  it('others go to the nearest, ties to even', () => {
    expect([0.1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 65_519, 65_520, 2 ** -25, 1e-9].map((each) => fromFloat16(toFloat16(each)))).toEqual([
      0.0999755859375,
      1,
      1 + 2 ** -9,
      65_504,
      Number.POSITIVE_INFINITY,
      0,
      0,
    ]);
    fc.assert(
      fc.property(fc.float({ min: -60_000, max: 60_000, noNaN: true }), (each) => {
        const step = Math.max(2 ** -24, 2 ** (Math.floor(Math.log2(Math.abs(each) || 1)) - 10));
        expect(Math.abs(fromFloat16(toFloat16(each)) - each)).toBeLessThanOrEqual(step / 2);
      }),
    );
  });
});
