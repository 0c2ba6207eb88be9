// Shapes of operators that work element by element, alone or with broadcasting. Refuses shapes that do not broadcast.
import { WhetError } from '../../errors.ts';
import type { Node } from '../../onnx/ir.ts';
import { nodeTitle } from '../attributes.ts';
import type { Shape, ShapeRule, ShapeSource } from '../shapes.ts';

/** Every output has the shape of the first input. */
const asInput: ShapeRule = (node, source) => {
  const shape = known(source, node.inputs[0] as string);
  return node.outputs.map(() => shape);
};

const broadcast: ShapeRule = (node, source) => {
  const shapes = node.inputs.map((name) => known(source, name));
  if (shapes.some((shape) => shape === undefined)) return [undefined];
  return [broadcastShape(shapes as readonly Shape[], node)];
};

/** The shape that all shapes broadcast to, numpy's rule. */
export function broadcastShape(shapes: readonly Shape[], node: Node): Shape {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1).filter((size) => size !== 1);
    if (sizes.some((size) => size !== sizes[0])) {
      throw new WhetError(
        'model-unsupported',
        `the inputs of node ${nodeTitle(node)} do not broadcast: ${shapes.map((s) => `[${s}]`).join(', ')}`,
        { hint: 'Was the model exported with a fixed batch of another size? Export it with a dynamic batch.' },
      );
    }
    return sizes[0] ?? 1;
  });
}

export function known(source: ShapeSource, name: string): Shape | undefined {
  return source.hasShape(name) ? source.shape(name) : undefined;
}

const alone = [
  'Identity Neg Abs Sqrt Exp Log Reciprocal Sign Floor Ceil Round Not IsNaN IsInf Clip Cast Erf',
  'Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh',
  'Relu LeakyRelu Elu Selu Celu ThresholdedRelu Shrink Sigmoid HardSigmoid HardSwish Swish Tanh Softplus Softsign Gelu Mish',
  'Softmax LogSoftmax Dropout com.microsoft:Gelu com.microsoft:FastGelu com.microsoft:QuickGelu whetstone:Snap',
  'GroupNormalization InstanceNormalization RMSNormalization LpNormalization MeanVarianceNormalization LRN Trilu CumSum',
];
const together = ['Add Sub Mul Div Mod Pow Max Min Sum Mean Where PRelu Greater GreaterOrEqual Less LessOrEqual Equal And Or Xor'];

function table(lines: readonly string[], rule: ShapeRule): Record<string, ShapeRule> {
  return Object.fromEntries(lines.flatMap((line) => line.split(' ')).map((op) => [op, rule]));
}

export const elementwiseShapes: Readonly<Record<string, ShapeRule>> = { ...table(alone, asInput), ...table(together, broadcast) };
