// The one table of shape rules: operator → shapes of its outputs. Merged explicitly from families; a new operator gets its line there.
// Shapes are plain numbers, because the batch size is bound before a training step is compiled.
import type { DType, Node, Tensor } from '../onnx/ir.ts';
import { dataTypes } from '../onnx/ir.ts';
import { intAttribute } from './attributes.ts';
import { mergeFamilies } from './families.ts';
import { convolutionShapes } from './shapes/convolution.ts';
import { elementwiseShapes } from './shapes/elementwise.ts';
import { linearShapes } from './shapes/linear.ts';
import { movementShapes } from './shapes/movement.ts';
import { reductionShapes } from './shapes/reduction.ts';
import { resamplingShapes } from './shapes/resampling.ts';

export type Shape = readonly number[];

/** What a shape rule may ask about the values it reads. */
export interface ShapeSource {
  shape(name: string): Shape;
  hasShape(name: string): boolean;
  /** The constant of that name; null where the value is only known when the graph runs. */
  known(name: string): Tensor | null;
  knownInts(name: string): readonly number[] | null;
  dtypeOf(name: string): DType;
}

/** One shape per output, undefined where it depends on data. */
export type ShapeRule = (node: Node, source: ShapeSource) => readonly (Shape | undefined)[];

export const shapeRules = mergeFamilies<ShapeRule>('shape rules', [
  elementwiseShapes,
  linearShapes,
  convolutionShapes,
  movementShapes,
  reductionShapes,
  resamplingShapes,
]);

const booleanOps = new Set(['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Equal', 'And', 'Or', 'Not', 'Xor', 'IsNaN', 'IsInf']);

/** Element type of one of a node's outputs. */
export function resultType(node: Node, source: ShapeSource, output = 0): DType {
  if (node.op === 'MaxPool' && output === 1) return 'int64';
  if (booleanOps.has(node.op) || (node.op === 'Dropout' && output === 1)) return 'bool';
  if (['Shape', 'Size', 'ArgMax', 'ArgMin'].includes(node.op)) return 'int64';
  if (node.op === 'ConstantOfShape') return node.attributes.value?.kind === 'tensor' ? node.attributes.value.value.dtype : 'float32';
  const asked = node.op === 'Cast' ? 'to' : node.op === 'EyeLike' && node.attributes.dtype !== undefined ? 'dtype' : null;
  if (asked !== null) return dataTypes[intAttribute(node, asked, 1) as keyof typeof dataTypes] ?? 'float32';
  // Where chooses between its second and third input; OneHot takes the type of its values.
  const decides = node.op === 'Where' ? 1 : node.op === 'OneHot' ? 2 : 0;
  return source.dtypeOf(node.inputs[decides] ?? '');
}
