// Operators that are a matrix product along each axis: y = x·A on that axis, so dx = dy·Aᵀ. The matrix is what the operator itself
// makes of the identity, so every mode is exact as this runtime has it; all of it is constant and folded when a session opens.
import { WhetError } from '../../errors.ts';
import { intsAttribute, nodeTitle, normalAxis, stringAttribute } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/ir.ts';
import type { Draft } from '../draft.ts';
import type { Family, Gradient, Shape, ShapeRule, ShapeSource } from '../operator.ts';
import { known } from './elementwise.ts';

interface ResizedAxis {
  readonly axis: number;
  /** null where the node says sizes. */
  readonly scale: number | null;
  readonly size: number;
}

/** What a Resize makes of each axis. Inputs: x, region (unused), scales, sizes. null where scales or sizes depend on data. */
function resizedAxes(node: Node, source: ShapeSource): readonly ResizedAxis[] | null {
  const x = known(source, node.inputs[0] as string);
  if (x === undefined) return null;
  const axes = (intsAttribute(node, 'axes') ?? x.map((_, axis) => axis)).map((axis) => normalAxis(axis, x.length));
  const sizes = source.knownInts(node.inputs[3] ?? '');
  if (sizes?.length === axes.length) {
    if (stringAttribute(node, 'keep_aspect_ratio_policy', 'stretch') !== 'stretch') return null;
    return axes.map((axis, index) => ({ axis, scale: null, size: sizes[index] as number }));
  }
  const scales = source.known(node.inputs[2] ?? '');
  if (scales?.data.length !== axes.length) return null;
  return axes.map((axis, index) => {
    const scale = Number(scales.data[index]);
    // In single precision, as the runtime multiplies.
    return { axis, scale: scale === 1 ? null : scale, size: Math.floor(Math.fround((x[axis] as number) * scale)) };
  });
}

const resizedShape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  const axes = resizedAxes(node, source);
  return [axes === null ? undefined : x?.map((size, axis) => axes.find((each) => each.axis === axis)?.size ?? size)];
};

/** Elements that a Pad adds (or, negative, takes) before and after each axis; null where that depends on data. */
function padsOf(node: Node, x: Shape, source: ShapeSource): { readonly begin: readonly number[]; readonly end: readonly number[] } | null {
  const pads = source.knownInts(node.inputs[1] ?? '');
  const axes = node.inputs[3] ? source.knownInts(node.inputs[3]) : x.map((_, axis) => axis);
  if (pads === null || axes === null) return null;
  const places = axes.map((axis) => normalAxis(axis, x.length));
  const at = (axis: number, offset: number) => (places.includes(axis) ? (pads[places.indexOf(axis) + offset] as number) : 0);
  return { begin: x.map((_, axis) => at(axis, 0)), end: x.map((_, axis) => at(axis, places.length)) };
}

const paddedShape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  const pads = x === undefined ? null : padsOf(node, x, source);
  return [pads === null ? undefined : x?.map((size, axis) => size + (pads.begin[axis] as number) + (pads.end[axis] as number))];
};

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
const resize: Gradient = (c, node, dy) => {
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
const pad: Gradient = (c, node, dy) => {
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

export const resampling: Family = {
  Resize: { shape: resizedShape, gradient: resize },
  Pad: { shape: paddedShape, gradient: pad },
};
