// A convolution of one channel over a map of fixed size is a product with a band matrix [places, places′], which is linear in the kernel:
// its pattern here, and whether it is faster than the convolution.
import { sizeOf, type Tensor } from '../../onnx/ir.ts';
import type { Window } from '../operators/window.ts';

/** [kernel, places·places′] of zeros and ones: where each weight of the kernel stands in the band matrix. */
export function bandPattern(window: Window, size: readonly number[], out: readonly number[], dtype: 'float32' | 'float64'): Tensor {
  const [taps, places, placesOut] = [sizeOf(window.kernel), sizeOf(size), sizeOf(out)];
  const data = new (dtype === 'float32' ? Float32Array : Float64Array)(taps * places * placesOut);
  for (let tap = 0; tap < taps; tap += 1) {
    const offsets = unravelled(tap, window.kernel);
    for (let to = 0; to < placesOut; to += 1) {
      const from = unravelled(to, out).map(
        (at, axis) =>
          at * (window.strides[axis] as number) +
          (offsets[axis] as number) * (window.dilations[axis] as number) -
          (window.begin[axis] as number),
      );
      if (from.some((at, axis) => at < 0 || at >= (size[axis] as number))) continue;
      const place = from.reduce((index, at, axis) => index * (size[axis] as number) + at, 0);
      data[(tap * places + place) * placesOut + to] = 1;
    }
  }
  return { dtype, dims: [taps, places * placesOut], data };
}

/** Position on each axis of the element `index` of a tensor. */
function unravelled(index: number, dims: readonly number[]): readonly number[] {
  let rest = index;
  return dims.map((_, axis) => {
    const inner = sizeOf(dims.slice(axis + 1));
    const at = Math.floor(rest / inner);
    rest -= at * inner;
    return at;
  });
}

/**
 * Nanoseconds of one training step a channel, forward and both gradients, by what was measured on one x86-64 thread (ONNX Runtime 1.30; 4×4 to
 * 14×14, 3×3 kernels, batch 16 and 32): the three products cost 0.11 an element and place, building the matrix and taking its gradient
 * 0.6 an entry; the three convolutions 2.3 an output element and weight. Ratios carry over to other machines, times do not.
 */
export function bandIsFaster(batch: number, places: number, placesOut: number, taps: number): boolean {
  const band = 0.11 * batch * places * placesOut + 0.6 * places * placesOut;
  const convolutions = 2.3 * batch * placesOut * taps;
  return band < convolutions && places * placesOut <= largestBand;
}

/** Entries of one channel's band matrix: 16 kB of memory, and twice that for its gradient. */
const largestBand = 64 * 64;
