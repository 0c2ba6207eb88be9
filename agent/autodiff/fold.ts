// Computes shape arithmetic while a graph is written: constants, and the integer chains (Shape → Gather → Concat …) that exporters
// put before a Reshape. Everything else comes back as null and stays a node.
import { ints } from '../onnx/build.ts';
import type { Node, Tensor } from '../onnx/ir.ts';
import { intAttribute, intsAttribute, normalAxis } from './attributes.ts';
import type { Draft } from './draft.ts';

/** Longer integer tensors are data, not shapes. */
const longestShape = 64;

type Folder = (node: Node, values: readonly (readonly number[])[], draft: Draft) => readonly number[] | Tensor | null;

/** The value of a node whose inputs are all small integer constants, or of a Constant or Shape node; otherwise null. */
export function foldConstant(node: Node, draft: Draft): Tensor | null {
  if (node.domain !== '') return null;
  if (node.op === 'Constant') return constantOf(node);
  if (node.op === 'Shape') return shapeOf(node, draft);
  const folder = folders[node.op];
  if (folder === undefined) return null;
  const values: (readonly number[])[] = [];
  for (const name of node.inputs) {
    const value = name === '' ? [] : draft.knownInts(name);
    if (value === null || value.length > longestShape) return null;
    values.push(value);
  }
  const result = folder(node, values, draft);
  if (result === null || 'dtype' in result) return result;
  return result.every(Number.isInteger) ? ints(result) : null;
}

const folders: Readonly<Record<string, Folder>> = {
  Identity: (node, _values, draft) => draft.known(node.inputs[0] as string),
  Concat: (_node, values) => values.flat(),
  Gather: (node, values, draft) => {
    const [data = [], index = []] = values;
    if (draft.shape(node.inputs[0] as string).length !== 1) return null;
    const picked = index.map((at) => data[at < 0 ? at + data.length : at] ?? Number.NaN);
    return picked.every(Number.isInteger) ? ints(picked, draft.shape(node.inputs[1] as string)) : null;
  },
  Unsqueeze: (node, values, draft) => {
    return draft.shape(node.inputs[0] as string).length === 0 ? (values[0] ?? null) : null;
  },
  Squeeze: (_node, values) => (values[0]?.length === 1 ? ints(values[0], []) : null),
  Slice: (node, values, draft) => {
    const [data = [], [start = 0] = [], [end = 0] = [], axes = [0], steps = [1]] = values;
    if (draft.shape(node.inputs[0] as string).length !== 1 || (axes[0] ?? 0) !== 0 || (steps[0] ?? 1) !== 1) return null;
    return data.slice(start, end);
  },
  Cast: (node, values, draft) => {
    // 6 and 7 are int32 and int64; both are held as int64 here, where only shapes are meant.
    return intAttribute(node, 'to', 0) === 7 ? ints(values[0] ?? [], draft.shape(node.inputs[0] as string)) : null;
  },
  Add: elementwise((a, b) => a + b),
  Sub: elementwise((a, b) => a - b),
  Mul: elementwise((a, b) => a * b),
  Div: elementwise((a, b) => Math.trunc(a / b)),
};

function elementwise(compute: (a: number, b: number) => number): Folder {
  return (node, values, draft) => {
    const [a = [], b = []] = values;
    const [left, right] = node.inputs.map((name) => draft.shape(name)) as [readonly number[], readonly number[]];
    if (a.length !== b.length && a.length !== 1 && b.length !== 1) return null;
    const size = Math.max(a.length, b.length);
    const at = (list: readonly number[], index: number) => list[list.length === 1 ? 0 : index] as number;
    const result = Array.from({ length: size }, (_, index) => compute(at(a, index), at(b, index)));
    if (!result.every(Number.isInteger)) return null;
    return ints(result, left.length === 0 && right.length === 0 ? [] : [size]);
  };
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
