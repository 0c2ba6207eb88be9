// Folds of elementwise arithmetic, comparisons, casts and reductions of small tensors.
import { dataTypes, sizeOf } from '../../onnx/ir.ts';
import { intAttribute } from '../attributes.ts';
import { elementAt, type Folder, filled, type Small } from './small.ts';

const first = (inputs: readonly Small[]) => inputs[0] as Small;
const isWhole = ({ dtype }: Small) => dtype === 'int64' || dtype === 'int32';

/** Element by element, of the first one's type. */
function combined(compute: (list: readonly number[], x: Small) => number): Folder {
  return (_node, inputs, dims) => {
    if (dims === null) return null;
    const values = filled(dims, (place) =>
      compute(
        inputs.map((input) => elementAt(input, place)),
        first(inputs),
      ),
    );
    return { dtype: first(inputs).dtype, dims, values };
  };
}

/** From the first to the last; `compute` sees the two alone, not what else `reduce` hands on. */
const reducing = (compute: (a: number, b: number) => number) => combined((list) => list.reduce((a, b) => compute(a, b)));

function each(compute: (x: number) => number): Folder {
  return (_node, inputs) => ({ ...first(inputs), values: first(inputs).values.map((x) => compute(x)) });
}

function comparison(holds: (a: number, b: number) => boolean): Folder {
  const folder = combined(([a = 0, b = 0]) => (holds(a, b) ? 1 : 0));
  return (...all) => {
    const result = folder(...all);
    return result === null ? null : { ...result, dtype: 'bool' };
  };
}

/** Quotients of integers are cut off towards zero. */
const divide = combined(([a = 0, b = 0], x) => (isWhole(x) ? Math.trunc(a / b) : a / b));
/** The remainder has the sign of the divisor, or with `fmod` of the dividend. */
const modulo: Folder = (node, ...rest) => {
  const isDividend = intAttribute(node, 'fmod', 0) !== 0;
  return combined(([a = 0, b = 0]) => (isDividend ? a % b : a - b * Math.floor(a / b)))(node, ...rest);
};

const where: Folder = (node, inputs, ...rest) => {
  const chosen = combined(([yes = 0, left = 0, right = 0]) => (yes === 0 ? right : left))(node, inputs, ...rest);
  return chosen === null ? null : { ...chosen, dtype: (inputs[1] as Small).dtype };
};

const cast: Folder = (node, inputs) => {
  const dtype = dataTypes[intAttribute(node, 'to', 0) as keyof typeof dataTypes];
  const { dims, values } = first(inputs);
  const toWhole = dtype === 'int64' || dtype === 'int32';
  return { dtype, dims, values: toWhole ? values.map(Math.trunc) : dtype === 'bool' ? values.map((x) => (x === 0 ? 0 : 1)) : values };
};

/** Of all elements: what exporters do with shapes. */
const product: Folder = (_node, inputs, dims) =>
  dims === null || sizeOf(dims) !== 1 ? null : { ...first(inputs), dims, values: [sizeOf(first(inputs).values)] };

export const arithmeticFolds: Readonly<Record<string, Folder>> = {
  Add: reducing((a, b) => a + b),
  Sub: reducing((a, b) => a - b),
  Mul: reducing((a, b) => a * b),
  Min: reducing(Math.min),
  Max: reducing(Math.max),
  Div: divide,
  Mod: modulo,
  Equal: comparison((a, b) => a === b),
  Greater: comparison((a, b) => a > b),
  GreaterOrEqual: comparison((a, b) => a >= b),
  Less: comparison((a, b) => a < b),
  LessOrEqual: comparison((a, b) => a <= b),
  And: comparison((a, b) => a !== 0 && b !== 0),
  Or: comparison((a, b) => a !== 0 || b !== 0),
  Not: each((x) => (x === 0 ? 1 : 0)),
  Floor: each(Math.floor),
  Ceil: each(Math.ceil),
  Sqrt: each(Math.sqrt),
  Neg: each((x) => -x),
  Where: where,
  Cast: cast,
  ReduceProd: product,
};
