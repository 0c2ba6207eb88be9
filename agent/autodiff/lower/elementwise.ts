// Elementwise operators in columns: they do not care for the order of elements, as long as all operands have the same. Stays out where no
// operand is in columns yet, and where one broadcasts over part of the space.
import { sizeOf } from '../../onnx/ir.ts';
import { typeNumber } from '../../onnx/result-type.ts';
import type { Lowering, LoweringRule } from './columns.ts';

/** One image operand; the others, if any, are scalars. */
export const alone: LoweringRule = (l, node) => {
  const [x, ...rest] = node.inputs as readonly [string];
  const columns = l.held(x);
  const areScalars = rest.every((name) => name === '' || (l.held(name) === null && sizeOf(l.shape(name)) === 1));
  if (columns === null || node.outputs.length !== 1 || !areScalars) return false;
  const y = l.draft.emit(node.op, [columns.value, ...rest], node.attributes, node.domain);
  l.hold(node.outputs[0] as string, y, columns.shape);
  return true;
};

/** Operands of one shape, or one number a channel (or in all). */
export const together: LoweringRule = (l, node) => {
  const shape = node.inputs.map((name) => l.held(name)?.shape).find((each) => each !== undefined);
  if (shape === undefined || node.outputs.length !== 1) return false;
  const operands = node.inputs.map((name) => operand(l, name, shape));
  if (operands.includes(null)) return false;
  l.hold(node.outputs[0] as string, l.draft.emit(node.op, operands as string[], node.attributes, node.domain), shape);
  return true;
};

/** What stands for an operand beside columns of `shape`: columns, [channels, 1], or a scalar; null where it is none of these. */
function operand(l: Lowering, name: string, shape: readonly number[]): string | null {
  const own = l.shape(name);
  if (own.length === shape.length && own.every((size, axis) => size === shape[axis])) return l.columns(name).value;
  if (l.held(name) !== null || own.length > shape.length) return null;
  if (sizeOf(own) === 1) return own.length <= 2 ? name : l.draft.reshape(name, []);
  const padded = [...Array(shape.length - own.length).fill(1), ...own];
  const isPerChannel = padded.every((size, axis) => size === (axis === 1 ? shape[1] : 1));
  return isPerChannel ? l.draft.reshape(name, [shape[1] as number, 1]) : null;
}

/** A Cast to the type of the second input, whatever shape that has. */
export const castLike: LoweringRule = (l, node) => {
  const [x = '', like = ''] = node.inputs;
  const columns = l.held(x);
  if (columns === null) return false;
  const to = typeNumber(l.draft.dtypeOf(l.held(like)?.value ?? like));
  l.hold(node.outputs[0] as string, l.draft.emit('Cast', [columns.value], { to }), columns.shape);
  return true;
};
