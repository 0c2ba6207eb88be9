// Cases of look-ups by index and of operators that resample along an axis.

import { sizeOf, type Tensor } from '../../agent/onnx/ir.ts';
import { attr, floats, ints } from '../../agent/onnx/made/build.ts';
import { type Case, makeCase, values } from './case.ts';
import type { Random } from './random.ts';
import { type Tf, tf } from './tensorflow.ts';

type MakeCase = (r: Random) => Case;

const vectorOf = (r: Random, count: number, high: number): Tensor => ints(Array.from({ length: count }, () => r.int(-high - 1, high)));

/** Different places of a shape, as index tuples. */
function places(r: Random, shape: readonly number[], count: number): Tensor {
  const picked = r.permutation(sizeOf(shape)).slice(0, count);
  const tuples = picked.map((place) => {
    let rest = place;
    return [...shape]
      .reverse()
      .map((size) => {
        const at = rest % size;
        rest = (rest - at) / size;
        return at;
      })
      .reverse();
  });
  return ints(tuples.flat(), [picked.length, shape.length]);
}

export const indexingCases: Readonly<Record<string, MakeCase>> = {
  Gather: (r) => {
    const shape = r.shape(3, 4);
    const axis = r.int(0, 2);
    const indices = vectorOf(r, r.int(1, 5), (shape[axis] as number) - 1);
    const dims = indices.dims[0] === 4 ? [2, 2] : indices.dims;
    const positive = Array.from(indices.data as BigInt64Array, (at) => (Number(at) + shape[axis]!) % shape[axis]!);
    const tensorflow = (x: Tf) => tf.gather(x, tf.tensor(positive, [...dims], 'int32'), axis);
    const narrow = { dtype: 'int32', dims, data: Int32Array.from(indices.data as BigInt64Array, Number) } as const;
    const constants = { indices: r.flag() ? narrow : { ...indices, dims } };
    return makeCase('Gather', [values(r, shape)], { attributes: { axis }, constants, tensorflow });
  },
  GatherElements: (r) => {
    const shape = r.shape(2, 4);
    const axis = r.int(-2, 1);
    const dims = shape.map((size, at) => (at === (axis + 2) % 2 ? r.int(1, 4) : r.int(1, size)));
    const high = (shape.at(axis < 0 ? axis : axis - 2) as number) - 1;
    const indices = { ...vectorOf(r, sizeOf(dims), high), dims };
    return makeCase('GatherElements', [values(r, shape)], { attributes: { axis }, constants: { indices } });
  },
  GatherND: (r) => {
    const shape = r.shape(3, 3);
    const depth = r.int(1, 3);
    const count = r.int(1, 4);
    const tuples = Array.from({ length: count }, () => shape.slice(0, depth).map((size) => r.int(0, size - 1)));
    return makeCase('GatherND', [values(r, shape)], { constants: { indices: ints(tuples.flat(), [count, depth]) } });
  },
  ScatterND: (r) => {
    const shape = r.shape(3, 3);
    const depth = r.int(1, 3);
    const reduction = r.pick(['none', 'add']);
    const indices = places(r, shape.slice(0, depth), r.int(1, 3));
    const updates = values(r, [indices.dims[0] as number, ...shape.slice(depth)], 0.05);
    return makeCase('ScatterND', [values(r, shape), updates], {
      attributes: { reduction },
      constants: { indices },
      names: ['x0', 'indices', 'x1'],
    });
  },
  ScatterElements: (r) => {
    const [rows, columns] = r.shape(2, 4) as [number, number];
    const reduction = r.pick(['none', 'add']);
    // Each column has its own rows: no two updates meet.
    const taken = r.int(1, rows);
    const orders = Array.from({ length: columns }, () => r.permutation(rows));
    const indices = ints(
      Array.from({ length: taken * columns }, (_, at) => orders[at % columns]?.[Math.floor(at / columns)] as number),
      [taken, columns],
    );
    const inputs = [values(r, [rows, columns]), values(r, [taken, columns], 0.05)];
    return makeCase('ScatterElements', inputs, {
      attributes: { axis: r.pick([0, -2]), reduction },
      constants: { indices },
      names: ['x0', 'indices', 'x1'],
    });
  },
};

/** Transformations of coordinates that a Resize may name; `linear` of TensorFlow.js has two of them. */
const transformations = ['half_pixel', 'pytorch_half_pixel', 'asymmetric', 'align_corners'] as const;

export const resamplingCases: Readonly<Record<string, MakeCase>> = {
  Resize: (r) => {
    const mode = r.pick(['nearest', 'linear', 'cubic']);
    const transformation = r.pick(transformations);
    const opset = r.pick([17, 19]);
    const dims = [r.int(1, 2), r.int(1, 2), r.int(1, 4), r.int(1, 4)];
    const target = dims.map((size, axis) => (axis < 2 ? size : r.int(1, 7)));
    const attributes = {
      mode,
      coordinate_transformation_mode: transformation,
      ...(mode === 'nearest' ? { nearest_mode: r.pick(['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil']) } : {}),
      ...(mode === 'cubic' ? { cubic_coeff_a: attr.float(r.pick([-0.75, -0.5])) } : {}),
    };
    const options = { opset, double: false, linear: true };
    if (mode !== 'cubic' && r.next() < 0.2) {
      // A sequence, made longer or shorter.
      const [length, to] = [r.int(1, 4), r.int(1, 7)];
      const constants = { sizes: ints([2, 2, to]) };
      return makeCase('Resize', [values(r, [2, 2, length])], { ...options, attributes, constants, names: ['x0', '', '', 'sizes'] });
    }
    const x = values(r, dims);
    if (r.flag()) {
      const scales = floats([4], [1, 1, r.pick([0.5, 1, 1.5, 2]), r.pick([1, 1.3, 2, 3])]);
      const isNew = (size: number, scale: number) => scale === 1 || (Math.floor(size * scale) !== size && size * scale >= 1);
      const fits = dims.every((size, axis) => isNew(size, scales.data[axis] as number));
      if (fits) return makeCase('Resize', [x], { ...options, attributes, constants: { scales }, names: ['x0', '', 'scales'] });
    }
    const size = target.slice(2) as [number, number];
    const image = (f: (x: Tf) => Tf) => (y: Tf) => tf.transpose(f(tf.transpose(y, [0, 2, 3, 1])), [0, 3, 1, 2]);
    const linear = image((y) =>
      tf.image.resizeBilinear(y as never, size, transformation === 'align_corners', transformation === 'half_pixel'),
    );
    // Its gradient swaps height and width.
    const isTheirs = mode === 'linear' && dims[2] === dims[3] && (transformation === 'asymmetric' || transformation === 'align_corners');
    const theirs = isTheirs ? { tensorflow: linear } : {};
    if (opset >= 18 && r.flag()) {
      const only = {
        attributes: {
          ...attributes,
          axes: r.pick([
            [2, 3],
            [-2, -1],
          ]),
        },
        constants: { sizes: ints(size) },
      };
      return makeCase('Resize', [x], { ...options, ...theirs, ...only, names: ['x0', '', '', 'sizes'] });
    }
    return makeCase('Resize', [x], {
      ...options,
      ...theirs,
      attributes,
      constants: { sizes: ints(target) },
      names: ['x0', '', '', 'sizes'],
    });
  },
  Pad: (r) => {
    const mode = r.pick(['constant', 'constant', 'reflect', 'edge', 'wrap']);
    const shape = r.shape(2, 4).map((size) => size + 1);
    const around = (low: number) => shape.map((size) => r.int(low, size - 1));
    // What is negative is cut off.
    const [begin, end] =
      mode === 'constant' ? [around(0).map((n) => Math.min(n, 2) - (r.next() < 0.3 ? 1 : 0)), around(0)] : [around(0), around(0)];
    const pairs = shape.map((_, axis) => [begin[axis], end[axis]]);
    // The gradient that TensorFlow.js has for a reflection leaves the reflected elements out.
    const isTheirs = begin.every((n) => n >= 0) && mode === 'constant';
    const tensorflow = (x: Tf) => tf.pad(x, pairs as never, 0.5);
    const constants: Record<string, Tensor> = { pads: ints([...begin, ...end]) };
    if (mode === 'constant') constants.fill = floats([], [0.5]);
    const options = { attributes: { mode }, opset: mode === 'wrap' ? 19 : r.pick([17, 19]), ...(isTheirs ? { tensorflow } : {}) };
    if (options.opset === 19 && mode !== 'constant' && r.flag()) {
      const some = { pads: ints([begin[1] as number, end[1] as number]), axes: ints([-1]) };
      return makeCase('Pad', [values(r, shape)], { ...options, constants: some, names: ['x0', 'pads', '', 'axes'] });
    }
    return makeCase('Pad', [values(r, shape)], { ...options, constants });
  },
};
