// What operators have in common that work element by element, alone or with broadcasting: their shapes, and how they are lowered. Refuses shapes
// that do not broadcast.
import { WhetError } from '../../errors.ts';
import { nodeTitle } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/ir.ts';
import { alone, together } from '../lower/elementwise.ts';
import type { Gradient, Operator, Shape, ShapeRule, ShapeSource } from '../operator.ts';

/** One operand, perhaps with numbers beside it; every output has its shape. */
export function unary(gradient: Gradient | null, more: Operator = {}): Operator {
  return { shape: asInput, lower: alone, ...(gradient === null ? {} : { gradient }), ...more };
}

/** Operands that broadcast. */
export function broadcasting(gradient: Gradient | null, more: Operator = {}): Operator {
  return { shape: broadcast, lower: together, ...(gradient === null ? {} : { gradient }), ...more };
}

/** Every output has the shape of the first input. */
export const asInput: ShapeRule = (node, source) => {
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
