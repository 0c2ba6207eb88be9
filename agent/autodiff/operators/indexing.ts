// Operators that look elements up by index or put them at indices. The gradient goes back to where its element came from, and
// what was looked up twice adds up. Indices have no gradient.
import { WhetError } from '../../errors.ts';
import { intAttribute, nodeTitle, normalAxis, stringAttribute } from '../../onnx/attributes.ts';
import { sizeOf } from '../../onnx/ir.ts';
import { gathered } from '../fold/movement.ts';
import type { Family, Gradient, ShapeRule } from '../operator.ts';
import { asInput, known } from './elementwise.ts';
import { zeros } from './movement.ts';

const gatherShape: ShapeRule = (node, source) => {
  const [x, index] = node.inputs.map((name) => known(source, name));
  if (x === undefined || index === undefined) return [undefined];
  const axis = normalAxis(intAttribute(node, 'axis', 0), x.length);
  return [[...x.slice(0, axis), ...index, ...x.slice(axis + 1)]];
};

/** As its indices. */
const asIndices: ShapeRule = (node, source) => [known(source, node.inputs[1] as string)];

const gatherNdShape: ShapeRule = (node, source) => {
  const [x, indices] = node.inputs.map((name) => known(source, name));
  if (x === undefined || indices === undefined) return [undefined];
  return [[...indices.slice(0, -1), ...x.slice(intAttribute(node, 'batch_dims', 0) + (indices.at(-1) as number))]];
};

/** y = rows i of x along the axis:  dx[i] += dy for every i, duplicates add up. */
const gather: Gradient = (c, node, dy) => {
  const [x, indices] = node.inputs as readonly [string, string];
  const [shape, picked] = [c.shape(x), c.shape(indices)];
  const axis = normalAxis(intAttribute(node, 'axis', 0), shape.length);
  // The axis goes first, rows are scattered into zeros, and the axis goes back to its place.
  const outer = shape.slice(0, axis);
  const rest = [...outer, ...shape.slice(axis + 1)];
  const rank = c.shape(dy).length;
  const front = Array.from({ length: picked.length }, (_, at) => axis + at);
  const others = Array.from({ length: rank }, (_, at) => at).filter((at) => !front.includes(at));
  const rows = c.reshape(c.transpose(dy, [...front, ...others]), [sizeOf(picked), ...rest]);
  // ScatterND takes int64 alone, Gather int32 as well.
  const wide = c.dtypeOf(indices) === 'int64' ? indices : c.emit('Cast', [indices], { to: 7 });
  const at = c.emit('Reshape', [wide, c.ints([sizeOf(picked), 1])]);
  const moved = c.emit('ScatterND', [zeros(c, [shape[axis] as number, ...rest]), at, rows], { reduction: 'add' });
  const back = shape.map((_, to) => (to === axis ? 0 : to < axis ? to + 1 : to));
  return [c.transpose(moved, back), null];
};

/** y[p] = x[p, but i[p] on the axis]:  dx[p, but i[p] on the axis] += dy[p]. */
const gatherElements: Gradient = (c, node, dy) => {
  const [x, indices] = node.inputs as readonly [string, string];
  const axis = intAttribute(node, 'axis', 0);
  return [c.emit('ScatterElements', [zeros(c, c.shape(x)), indices, dy], { axis, reduction: 'add' }), null];
};

/** y[p] = x[i[p]], an index a tuple:  dx[i[p]] += dy[p]. */
const gatherNd: Gradient = (c, node, dy) => {
  if (intAttribute(node, 'batch_dims', 0) !== 0) {
    throw new WhetError('operator-unsupported', `node ${nodeTitle(node)} looks up with batch dimensions (batch_dims)`, {
      hint: 'Train fewer layers (--layers), so that this node stays in the frozen part.',
    });
  }
  const [x, indices] = node.inputs as readonly [string, string];
  return [c.emit('ScatterND', [zeros(c, c.shape(x)), indices, dy], { reduction: 'add' }), null];
};

/** y = x with u put at (or added to) the places i:  dx = dy, without those places unless u is added;  du = dy at the places. */
const scatter =
  (lookUp: 'GatherElements' | 'GatherND'): Gradient =>
  (c, node, dy) => {
    const [, indices, updates] = node.inputs as readonly [string, string, string];
    const reduction = stringAttribute(node, 'reduction', 'none');
    if (reduction !== 'none' && reduction !== 'add') throw unknownReduction(node, reduction);
    const attributes: Record<string, number> = node.op === 'ScatterElements' ? { axis: intAttribute(node, 'axis', 0) } : {};
    const dx = reduction === 'add' ? dy : c.emit(node.op, [dy, indices, zeros(c, c.shape(updates))], attributes);
    return [dx, null, c.emit(lookUp, [dy, indices], attributes)];
  };

function unknownReduction(node: Parameters<Gradient>[1], reduction: string): WhetError {
  return new WhetError('operator-unsupported', `node ${nodeTitle(node)} scatters with the reduction '${reduction}'`, {
    hint: "Only 'none' and 'add' have a gradient here. Train fewer layers (--layers), so that this node stays in the frozen part.",
  });
}

export const indexing: Family = {
  Gather: { shape: gatherShape, gradient: gather, fold: gathered },
  GatherElements: { shape: asIndices, gradient: gatherElements },
  GatherND: { shape: gatherNdShape, gradient: gatherNd },
  ScatterElements: { shape: asInput, gradient: scatter('GatherElements') },
  ScatterND: { shape: asInput, gradient: scatter('GatherND') },
};
