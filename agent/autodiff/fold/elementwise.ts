// Elementwise arithmetic, comparisons and casts of small tensors, and the product of all their elements.
import { intAttribute } from '../../onnx/attributes.ts';
import { dataTypes, sizeOf } from '../../onnx/ir.ts';
import type { Fold } from '../fold.ts';
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
const divided = combined(([a = 0, b = 0], x) => (isWhole(x) ? Math.trunc(a / b) : a / b));
/** The remainder has the sign of the divisor, or with `fmod` of the dividend. */
const remainder: Folder = (node, ...rest) => {
  const isDividend = intAttribute(node, 'fmod', 0) !== 0;
  return combined(([a = 0, b = 0]) => (isDividend ? a % b : a - b * Math.floor(a / b)))(node, ...rest);
};

const choice: Folder = (node, inputs, ...rest) => {
  const chosen = combined(([yes = 0, left = 0, right = 0]) => (yes === 0 ? right : left))(node, inputs, ...rest);
  return chosen === null ? null : { ...chosen, dtype: (inputs[1] as Small).dtype };
};

const converted: Folder = (node, inputs) => {
  const dtype = dataTypes[intAttribute(node, 'to', 0) as keyof typeof dataTypes];
  const { dims, values } = first(inputs);
  const toWhole = dtype === 'int64' || dtype === 'int32';
  return { dtype, dims, values: toWhole ? values.map(Math.trunc) : dtype === 'bool' ? values.map((x) => (x === 0 ? 0 : 1)) : values };
};

/** Of all elements: what exporters do with shapes. */
const productOfAll: Folder = (_node, inputs, dims) =>
  dims === null || sizeOf(dims) !== 1 ? null : { ...first(inputs), dims, values: [sizeOf(first(inputs).values)] };

const computed = (of: Folder): Fold => ({ kind: 'computed', of });

export const total = computed(reducing((a, b) => a + b));
export const difference = computed(reducing((a, b) => a - b));
export const product = computed(reducing((a, b) => a * b));
export const smaller = computed(reducing(Math.min));
export const larger = computed(reducing(Math.max));
export const quotient = computed(divided);
export const modulo = computed(remainder);
export const equal = computed(comparison((a, b) => a === b));
export const greater = computed(comparison((a, b) => a > b));
export const greaterOrEqual = computed(comparison((a, b) => a >= b));
export const less = computed(comparison((a, b) => a < b));
export const lessOrEqual = computed(comparison((a, b) => a <= b));
export const and = computed(comparison((a, b) => a !== 0 && b !== 0));
export const or = computed(comparison((a, b) => a !== 0 || b !== 0));
export const not = computed(each((x) => (x === 0 ? 1 : 0)));
export const floor = computed(each(Math.floor));
export const ceil = computed(each(Math.ceil));
export const root = computed(each(Math.sqrt));
export const negative = computed(each((x) => -x));
export const chosen = computed(choice);
export const cast = computed(converted);
export const reducedProduct = computed(productOfAll);
