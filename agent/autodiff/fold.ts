// Computes shape arithmetic while a graph is written: constants, and the chains (Shape → Gather → Concat …) that exporters put before a
// Reshape, an Expand or a Resize. Only small values; everything else comes back as null and stays a node.
import { ints } from '../onnx/build.ts';
import { type DType, dataTypes, type Node, sizeOf, type Tensor } from '../onnx/ir.ts';
import { intAttribute, intsAttribute, normalAxis } from './attributes.ts';
import type { Draft } from './draft.ts';

/** Longer tensors are data, not shapes. */
const longestShape = 64;

interface Small {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly values: readonly number[];
}

type Folder = (node: Node, inputs: readonly Small[]) => Small | null;

/** The value of a node whose inputs are all small constants, or of a Constant or Shape node; otherwise null. */
export function foldConstant(node: Node, draft: Draft): Tensor | null {
  if (node.domain !== '') return null;
  if (node.op === 'Constant') return constantOf(node);
  if (node.op === 'Shape') return shapeOf(node, draft);
  const folder = folders[node.op];
  if (folder === undefined) return null;
  const inputs: Small[] = [];
  for (const name of node.inputs) {
    const value = name === '' ? absent : small(draft.known(name));
    if (value === null) return null;
    inputs.push(value);
  }
  const result = folder(node, inputs);
  return result === null || result.values.length > longestShape ? null : tensorOf(result);
}

const absent: Small = { dtype: 'int64', dims: [0], values: [] };

const kinds: ReadonlySet<DType> = new Set(['int64', 'int32', 'bool', 'float32', 'float64']);

function small(tensor: Tensor | null): Small | null {
  if (tensor === null || !kinds.has(tensor.dtype) || sizeOf(tensor.dims) > longestShape) return null;
  return { dtype: tensor.dtype, dims: tensor.dims, values: Array.from(tensor.data as Float64Array, Number) };
}

function tensorOf({ dtype, dims, values }: Small): Tensor | null {
  if (dtype === 'float32') return { dtype, dims, data: Float32Array.from(values) };
  if (dtype === 'float64') return { dtype, dims, data: Float64Array.from(values) };
  if (dtype === 'bool') return { dtype, dims, data: Uint8Array.from(values) };
  if (!values.every(Number.isSafeInteger)) return null;
  return dtype === 'int64' ? ints(values, dims) : dtype === 'int32' ? { dtype, dims, data: Int32Array.from(values) } : null;
}

const isWhole = ({ dtype }: Small) => dtype === 'int64' || dtype === 'int32';
const vector = (dtype: DType, values: readonly number[]): Small => ({ dtype, dims: [values.length], values });
const [first, second] = [(inputs: readonly Small[]) => inputs[0] as Small, (inputs: readonly Small[]) => inputs[1] as Small];

const reshaped =
  (dims: (x: Small, axes: readonly number[]) => readonly number[]): Folder =>
  (node, inputs) => {
    const axes = inputs[1]?.values ?? intsAttribute(node, 'axes') ?? [];
    return { ...first(inputs), dims: dims(first(inputs), axes) };
  };

const folders: Readonly<Record<string, Folder>> = {
  Identity: (_node, inputs) => first(inputs),
  Concat: (_node, inputs) => {
    if (inputs.some(({ dims }) => dims.length !== 1)) return null;
    return vector(
      first(inputs).dtype,
      inputs.flatMap(({ values }) => values),
    );
  },
  Gather: (_node, inputs) => {
    const [data, index] = [first(inputs), second(inputs)];
    if (data.dims.length !== 1) return null;
    const picked = index.values.map((at) => data.values[at < 0 ? at + data.values.length : at]);
    return picked.some((value) => value === undefined) ? null : { ...index, dtype: data.dtype, values: picked as number[] };
  },
  Unsqueeze: reshaped((x, axes) => {
    const rank = x.dims.length + axes.length;
    const ones = axes.map((axis) => normalAxis(axis, rank));
    const rest = [...x.dims];
    return Array.from({ length: rank }, (_, axis) => (ones.includes(axis) ? 1 : (rest.shift() as number)));
  }),
  Squeeze: reshaped((x, axes) => {
    const gone = axes.map((axis) => normalAxis(axis, x.dims.length));
    return x.dims.filter((size, axis) => (axes.length === 0 ? size !== 1 : !gone.includes(axis)));
  }),
  Reshape: (_node, inputs) => (second(inputs).values.join() === '-1' ? vector(first(inputs).dtype, first(inputs).values) : null),
  Slice: (_node, inputs) => {
    const [data, starts, ends, axes, steps] = inputs;
    if (data?.dims.length !== 1 || (axes?.values[0] ?? 0) !== 0 || (steps?.values[0] ?? 1) !== 1) return null;
    return vector(data.dtype, data.values.slice(starts?.values[0], ends?.values[0]));
  },
  Cast: (node, inputs) => {
    const dtype = dataTypes[intAttribute(node, 'to', 0) as keyof typeof dataTypes];
    const toWhole = dtype === 'int64' || dtype === 'int32';
    return { ...first(inputs), dtype, values: toWhole ? first(inputs).values.map(Math.trunc) : first(inputs).values };
  },
  Range: (_node, inputs) => {
    const [start, limit, delta] = inputs.map(({ values }) => values[0] as number) as [number, number, number];
    if (!isWhole(first(inputs)) || delta === 0 || (limit - start) / delta > longestShape) return null;
    const count = Math.max(0, Math.ceil((limit - start) / delta));
    return vector(
      first(inputs).dtype,
      Array.from({ length: count }, (_, index) => start + index * delta),
    );
  },
  ConstantOfShape: (node, inputs) => {
    const dims = first(inputs).values;
    const value = node.attributes.value?.kind === 'tensor' ? small(node.attributes.value.value) : null;
    if (sizeOf(dims) > longestShape) return null;
    return { dtype: value?.dtype ?? 'float32', dims, values: Array<number>(sizeOf(dims)).fill(value?.values[0] ?? 0) };
  },
  Where: (_node, inputs) => {
    const [condition, a, b] = inputs as readonly [Small, Small, Small];
    const chosen = together([condition, a, b], ([yes = 0, left = 0, right = 0]) => (yes === 0 ? right : left));
    return chosen === null ? null : { ...chosen, dtype: a.dtype };
  },
  ReduceProd: (node, inputs) => {
    if (node.inputs.length > 1 || node.attributes.axes !== undefined || first(inputs).dims.length !== 1) return null;
    return { ...first(inputs), dims: intAttribute(node, 'keepdims', 1) === 0 ? [] : [1], values: [sizeOf(first(inputs).values)] };
  },
  Floor: (_node, inputs) => ({ ...first(inputs), values: first(inputs).values.map(Math.floor) }),
  Ceil: (_node, inputs) => ({ ...first(inputs), values: first(inputs).values.map(Math.ceil) }),
  Sqrt: (_node, inputs) => ({ ...first(inputs), values: first(inputs).values.map(Math.sqrt) }),
  Neg: (_node, inputs) => ({ ...first(inputs), values: first(inputs).values.map((x) => -x) }),
  Add: elementwise((a, b) => a + b),
  Sub: elementwise((a, b) => a - b),
  Mul: elementwise((a, b) => a * b),
  Min: elementwise(Math.min),
  Max: elementwise(Math.max),
  Div: (node, inputs) => elementwise(isWhole(first(inputs)) ? (a, b) => Math.trunc(a / b) : (a, b) => a / b)(node, inputs),
  Equal: comparison((a, b) => a === b),
  Greater: comparison((a, b) => a > b),
  Less: comparison((a, b) => a < b),
};

function elementwise(compute: (a: number, b: number) => number): Folder {
  return (_node, inputs) => (inputs.length === 1 ? first(inputs) : together(inputs, (list) => list.reduce(compute)));
}

function comparison(holds: (a: number, b: number) => boolean): Folder {
  return (_node, inputs) => {
    const result = together(inputs, ([a = 0, b = 0]) => (holds(a, b) ? 1 : 0));
    return result === null ? null : { ...result, dtype: 'bool' };
  };
}

/** Element by element, of the first one's type; null where shapes broadcast in another way than a single value to all. */
function together(inputs: readonly Small[], compute: (list: readonly number[]) => number): Small | null {
  const largest = inputs.reduce((a, b) => (b.dims.length > a.dims.length || b.values.length > a.values.length ? b : a));
  const size = largest.values.length;
  if (inputs.some(({ dims, values }) => (values.length !== size && values.length !== 1) || dims.length > largest.dims.length)) return null;
  if (inputs.some(({ dims, values }) => values.length === size && size !== 1 && dims.join() !== largest.dims.join())) return null;
  const at = ({ values }: Small, index: number) => values[values.length === 1 ? 0 : index] as number;
  const values = Array.from({ length: size }, (_, index) => compute(inputs.map((input) => at(input, index))));
  return { ...largest, dtype: first(inputs).dtype, values };
}

function shapeOf(node: Node, draft: Draft): Tensor | null {
  const [x = ''] = node.inputs;
  if (!draft.hasShape(x)) return null;
  const shape = draft.shape(x);
  const start = normalAxis(intAttribute(node, 'start', 0), shape.length);
  const end = intAttribute(node, 'end', shape.length);
  return ints(shape.slice(start, normalAxis(end, shape.length)));
}

function constantOf(node: Node): Tensor | null {
  const { value, value_float: float, value_int: int } = node.attributes;
  if (value?.kind === 'tensor') return value.value;
  if (float?.kind === 'float') return { dtype: 'float32', dims: [], data: Float32Array.of(float.value) };
  if (int?.kind === 'int') return ints([int.value], []);
  const list = intsAttribute(node, 'value_ints');
  if (list !== null) return ints(list);
  const floatList = intsAttribute(node, 'value_floats');
  return floatList === null ? null : { dtype: 'float32', dims: [floatList.length], data: Float32Array.from(floatList) };
}
