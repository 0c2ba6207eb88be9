// Cases of operators that move elements without computing.

import { ints } from '../../agent/onnx/made/build.ts';
import { type Case, makeCase, values } from './case.ts';
import type { Random } from './random.ts';
import { type Tf, tf } from './tensorflow.ts';

type MakeCase = (r: Random) => Case;

export const movementCases: Readonly<Record<string, MakeCase>> = {
  Identity: (r) => makeCase('Identity', [values(r, r.shape())], { tensorflow: (x) => tf.mul(x, 1) }),
  Reshape: (r) => {
    const [a, b, c] = r.shape(3) as [number, number, number];
    const target = r.pick([[-1], [0, -1], [c, a * b], [a, 1, b * c]]);
    const tensorflow = (x: Tf) => tf.reshape(x, target[0] === 0 ? [a, b * c] : target);
    return makeCase('Reshape', [values(r, [a, b, c])], { constants: { target: ints(target) }, tensorflow });
  },
  Flatten: (r) => {
    const shape = r.shape(3);
    const axis = r.int(-3, 3);
    const first = axis < 0 ? axis + 3 : axis;
    const rows = shape.slice(0, first).reduce((x, y) => x * y, 1);
    return makeCase('Flatten', [values(r, shape)], { attributes: { axis }, tensorflow: (x) => tf.reshape(x, [rows, -1]) });
  },
  Squeeze: (r) => {
    const [a, b] = r.shape(2) as [number, number];
    const axes = r.pick([[1], [-1], [1, 3]]);
    const tensorflow = (x: Tf) =>
      tf.squeeze(
        x,
        axes.map((axis) => (axis < 0 ? axis + 4 : axis)),
      );
    return makeCase('Squeeze', [values(r, [a, 1, b, 1])], { constants: { axes: ints(axes) }, tensorflow });
  },
  Unsqueeze: (r) => {
    const [a, b] = r.shape(2) as [number, number];
    return makeCase('Unsqueeze', [values(r, [a, b])], {
      constants: {
        axes: ints(
          r.pick([
            [0, 2],
            [-2, 0],
          ]),
        ),
      },
      tensorflow: (x) => tf.reshape(x, [1, a, 1, b]),
    });
  },
  Transpose: (r) => {
    const shape = r.shape();
    const perm = r.permutation(shape.length);
    if (r.flag()) return makeCase('Transpose', [values(r, shape)], { tensorflow: (x) => tf.transpose(x) });
    return makeCase('Transpose', [values(r, shape)], { attributes: { perm }, tensorflow: (x) => tf.transpose(x, [...perm]) });
  },
  Concat: (r) => {
    const shape = r.shape();
    const axis = r.int(0, shape.length - 1);
    const parts = Array.from({ length: r.int(1, 3) }, () =>
      values(
        r,
        shape.map((size, at) => (at === axis ? r.int(1, 3) : size)),
      ),
    );
    const given = r.flag() ? axis : axis - shape.length;
    return makeCase('Concat', parts, { attributes: { axis: given }, tensorflow: (...list) => tf.concat(list, axis) });
  },
  Split: (r) => {
    const sizes = [r.int(1, 3), r.int(1, 3)];
    const shape = [r.int(1, 3), sizes[0]! + sizes[1]!];
    // Only the first part has a gradient here; the walk tests cover several.
    const tensorflow = (x: Tf) => tf.split(x, sizes, 1)[0] as Tf;
    return makeCase('Split', [values(r, shape)], { attributes: { axis: -1 }, constants: { sizes: ints(sizes) }, outputs: 2, tensorflow });
  },
  Slice: (r) => {
    const shape = [r.int(2, 4), r.int(1, 3), r.int(3, 7)];
    const size = shape[2] as number;
    if (r.flag()) {
      const [start, end] = [r.int(0, 1), r.int(2, size)];
      const constants = {
        starts: ints([start]),
        ends: ints([r.flag() ? end : end + 100]),
        axes: ints([r.pick([2, -1])]),
        steps: ints([1]),
      };
      const to = Math.min(Number(constants.ends.data[0]), size);
      const tensorflow = (x: Tf) => tf.slice(x, [0, 0, start], [-1, -1, to - start]);
      return makeCase('Slice', [values(r, shape)], { constants, tensorflow });
    }
    // Two axes with steps of either sign, limits in and beyond the range, from the front and from the back.
    const steps = [r.pick([1, 2, -1]), r.pick([2, 3, -1, -2, -3])];
    const [starts, ends] = [
      steps.map((step) => (step > 0 ? r.int(-3, 0) : r.int(1, 9))),
      steps.map((step) => (step > 0 ? r.pick([2, 5, 100]) : r.pick([0, -100, -9]))),
    ];
    const constants = { starts: ints(starts), ends: ints(ends), axes: ints([0, 2]), steps: ints(steps) };
    return makeCase('Slice', [values(r, shape)], { constants });
  },
  Tile: (r) => {
    const shape = r.shape();
    const repeats = shape.map(() => r.int(1, 3));
    return makeCase('Tile', [values(r, shape)], { constants: { repeats: ints(repeats) }, tensorflow: (x) => tf.tile(x, repeats) });
  },
  DepthToSpace: (r) => {
    const [s, mode] = [r.int(1, 3), r.pick(['DCR', 'CRD'])];
    const dims = [r.int(1, 2), s * s * r.int(1, 2), r.int(1, 3), r.int(1, 3)];
    return makeCase('DepthToSpace', [values(r, dims)], { attributes: { blocksize: s, mode }, double: false, linear: true });
  },
  SpaceToDepth: (r) => {
    const s = r.int(1, 3);
    const dims = [r.int(1, 2), r.int(1, 3), s * r.int(1, 2), s * r.int(1, 2)];
    return makeCase('SpaceToDepth', [values(r, dims)], { attributes: { blocksize: s }, double: false, linear: true });
  },
  Trilu: (r) => {
    const [upper, k] = [r.int(0, 1), r.int(-2, 2)];
    const dims = [...r.shape(r.int(0, 1)), r.int(1, 4), r.int(1, 4)];
    return makeCase('Trilu', [values(r, dims)], { attributes: { upper }, constants: r.flag() ? { k: ints([k], []) } : {} });
  },
  Expand: (r) => {
    const full = r.shape();
    const tensorflow = (x: Tf) => tf.broadcastTo(x, [...full]);
    return makeCase('Expand', [values(r, r.broadcastable(full))], { constants: { shape: ints(full) }, tensorflow });
  },
  Cast: (r) => makeCase('Cast', [values(r, r.shape())], { attributes: { to: 1 }, double: false, tensorflow: (x) => tf.mul(x, 1) }),
};
