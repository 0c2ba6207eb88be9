// Gradients of operators that are a matrix product along each axis: y = x·A on that axis, so dx = dy·Aᵀ. The matrix is what the operator itself
// makes of the identity, so every mode is exact as this runtime has it; all of it is constant and folded when a session opens.
import { WhetError } from '../../errors.ts';
import type { Node } from '../../onnx/ir.ts';
import { nodeTitle, stringAttribute } from '../attributes.ts';
import type { Draft } from '../draft.ts';
import type { Rule } from '../rules.ts';
import { padsOf } from '../shapes/movement.ts';
import { resizedAxes } from '../shapes/resampling.ts';

/** dx = dy·Aᵀ along one axis, where `applied` gives A [size, size of y] from the identity. */
function along(c: Draft, dy: string, axis: number, size: number, applied: (identity: string) => string): string {
  const data = c.dtype === 'float32' ? new Float32Array(size * size) : new Float64Array(size * size);
  for (let at = 0; at < size; at++) data[at * (size + 1)] = 1;
  const matrix = applied(c.constant(`${dy}/${axis}/identity`, { dtype: c.dtype, dims: [size, size], data }));
  const last = c.shape(dy).length - 1;
  const swap = c.shape(dy).map((_, at) => (at === axis ? last : at === last ? axis : at));
  return c.transpose(c.emit('MatMul', [c.transpose(dy, swap), c.transpose(matrix, [1, 0])]), swap);
}

/** y = x resampled, each axis for itself (nearest, linear, cubic). */
const resize: Rule = (c, node, dy) => {
  const mode = stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel');
  if (mode === 'tf_crop_and_resize') throw unsupported(node, 'crops as it resizes (tf_crop_and_resize)');
  const axes = resizedAxes(node, c);
  if (axes === null) throw unsupported(node, 'resizes to a size that depends on data');
  if (stringAttribute(node, 'keep_aspect_ratio_policy', 'stretch') !== 'stretch') throw unsupported(node, 'keeps the aspect ratio');
  const { axes: _axes, ...attributes } = node.attributes;
  const shape = c.shape(node.inputs[0] as string);
  const isStill = axes.every(({ axis, size }) => shape[axis] === size);
  const dx = axes.reduce((gradient, { axis, scale, size }) => {
    const length = shape[axis] as number;
    // A scale that changes nothing: the runtime leaves the value alone where no axis changes, and rounds places where another one does.
    if (length === size && scale !== null && !isStill) throw unsupported(node, `scales an axis by ${scale}, to the size that it has`);
    if (length === size) return gradient;
    return along(c, gradient, axis, length, (identity) => {
      const inputs =
        scale === null
          ? ['', '', c.ints([length, size])]
          : ['', c.constant(`${node.outputs[0]}/${axis}/scales`, { dtype: 'float32', dims: [2], data: Float32Array.of(1, scale) })];
      return c.emit('Resize', [identity, ...inputs], attributes);
    });
  }, dy);
  return node.inputs.map((_, index) => (index === 0 ? dx : null));
};

/** y = x with a border. Constant: dx = dy without it. Otherwise each axis for itself (reflect, edge, wrap). */
const pad: Rule = (c, node, dy) => {
  const shape = c.shape(node.inputs[0] as string);
  const pads = padsOf(node, shape, c);
  if (pads === null) throw unsupported(node, 'pads by amounts that depend on data');
  const mode = stringAttribute(node, 'mode', 'constant');
  const constant = () => c.emit('Pad', [dy, c.ints([...pads.begin, ...pads.end].map((count) => -count))]);
  const eachAxis = () =>
    shape.reduce((gradient, size, axis) => {
      const around = [pads.begin[axis] as number, pads.end[axis] as number];
      if (around.every((count) => count === 0)) return gradient;
      return along(c, gradient, axis, size, (identity) =>
        c.emit('Pad', [identity, c.ints([0, around[0], 0, around[1]] as number[])], { mode }),
      );
    }, dy);
  const dx = mode === 'constant' ? constant() : eachAxis();
  return node.inputs.map((_, index) => (index === 0 ? dx : null));
};

function unsupported(node: Node, what: string): WhetError {
  return new WhetError('operator-unsupported', `node ${nodeTitle(node)} ${what}`, {
    hint: 'Train fewer layers (--layers), so that this node stays in the frozen part.',
  });
}

export const resamplingRules: Readonly<Record<string, Rule>> = { Resize: resize, Pad: pad };
