// Computes shape arithmetic while a graph is written: constants, and the chains (Shape → Gather → Concat …) that exporters put before a
// Reshape, an Expand or a Resize. Only small values; everything else comes back as null and stays a node.

import { type Node, sizeOf, type Tensor } from '../onnx/ir.ts';
import { ints } from '../onnx/made/build.ts';
import { intsAttribute } from './attributes.ts';
import type { Draft } from './draft.ts';
import { arithmeticFolds } from './fold/arithmetic.ts';
import { movementFolds } from './fold/movement.ts';
import { absent, type Folder, isExact, longestShape, type Small, smallOf, tensorOf } from './fold/small.ts';
import { measuredAxes } from './shapes/movement.ts';
import { shapeRules } from './shapes.ts';

const folders: Readonly<Record<string, Folder>> = { ...arithmeticFolds, ...movementFolds };

/** The value of a node whose inputs are all small constants, or of a Constant or Shape node; otherwise null. */
export function foldConstant(node: Node, draft: Draft): Tensor | null {
  if (node.domain !== '') return null;
  if (node.op === 'Constant') return constantOf(node);
  if (node.op === 'Shape') return shapeOf(node, draft);
  if (node.op === 'Size') return countOf(node, draft);
  const folder = folders[node.op];
  if (folder === undefined || node.outputs.length !== 1) return null;
  const computes = node.op in arithmeticFolds;
  const inputs: Small[] = [];
  for (const name of node.inputs) {
    const value = name === '' ? absent : smallOf(draft.known(name));
    if (value === null || (computes && !isExact(value))) return null;
    inputs.push(value);
  }
  const dims = shapeRules.get(node.op)?.(node, draft)[0] ?? null;
  if (dims !== null && sizeOf(dims) > longestShape) return null;
  const result = folder(node, inputs, dims, draft);
  if (result === null || result.values.length > longestShape || (computes && !isExact(result))) return null;
  return tensorOf(result);
}

function shapeOf(node: Node, draft: Draft): Tensor | null {
  const [x = ''] = node.inputs;
  if (!draft.hasShape(x)) return null;
  return ints(measuredAxes(node, draft.shape(x)));
}

function countOf(node: Node, draft: Draft): Tensor | null {
  const [x = ''] = node.inputs;
  return draft.hasShape(x) ? ints([sizeOf(draft.shape(x))], []) : null;
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
