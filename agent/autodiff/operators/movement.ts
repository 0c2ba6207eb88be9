// Operators that move elements without computing, each alone: the gradient moves back. Index inputs have none.
import { WhetError } from '../../errors.ts';
import { intAttribute, intsAttribute, nodeTitle, normalAxis, stringAttribute } from '../../onnx/attributes.ts';
import { isFloat } from '../../onnx/forms/quantized-values.ts';
import { sizeOf } from '../../onnx/ir.ts';
import { typeNumber } from '../../onnx/result-type.ts';
import type { Draft } from '../draft.ts';
import { cast as foldedCast } from '../fold/elementwise.ts';
import { expanded, passed, reshaped, transposed } from '../fold/movement.ts';
import { alone, castLike } from '../lower/elementwise.ts';
import { reshape as loweredReshape } from '../lower/movement.ts';
import type { Expansion, Family, Gradient, Operator, ShapeRule } from '../operator.ts';
import { asInput, broadcastShape, known, unary } from './elementwise.ts';

const reshapeShape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  const target = source.knownInts(node.inputs[1] as string);
  if (x === undefined || target === null) return [undefined];
  const keepsZero = intAttribute(node, 'allowzero', 0) !== 0;
  const dims = target.map((size, axis) => (size === 0 && !keepsZero ? (x[axis] ?? 1) : size));
  const rest = sizeOf(dims.filter((size) => size !== -1));
  const shape = dims.map((size) => (size === -1 ? sizeOf(x) / rest : size));
  if (sizeOf(shape) !== sizeOf(x) || !shape.every(Number.isInteger)) {
    throw new WhetError('model-unsupported', `node ${nodeTitle(node)} reshapes [${x}] to [${target}], which does not fit`, {
      hint: 'Was the model exported with a fixed batch of another size? Export it with a dynamic batch.',
    });
  }
  return [shape];
};

const flattenShape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  if (x === undefined) return [undefined];
  const axis = normalAxis(intAttribute(node, 'axis', 1), x.length);
  return [[sizeOf(x.slice(0, axis)), sizeOf(x.slice(axis))]];
};

const squeezeShape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  if (x === undefined) return [undefined];
  const asked =
    intsAttribute(node, 'axes') ?? (node.inputs[1] ? source.knownInts(node.inputs[1]) : x.flatMap((n, i) => (n === 1 ? [i] : [])));
  const axes = asked?.map((axis) => normalAxis(axis, x.length));
  return [axes === undefined ? undefined : x.filter((_, axis) => !axes.includes(axis))];
};

const unsqueezeShape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  const asked = intsAttribute(node, 'axes') ?? source.knownInts(node.inputs[1] ?? '');
  if (x === undefined || asked === null) return [undefined];
  const rank = x.length + asked.length;
  const axes = asked.map((axis) => normalAxis(axis, rank));
  const sizes = [...x];
  return [Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : (sizes.shift() as number)))];
};

const transposeShape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  if (x === undefined) return [undefined];
  const perm = intsAttribute(node, 'perm') ?? x.map((_, axis) => x.length - 1 - axis);
  return [perm.map((axis) => x[axis] as number)];
};

const expandShape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  const target = source.knownInts(node.inputs[1] as string);
  return [x === undefined || target === null ? undefined : broadcastShape([x, target], node)];
};

const depthToSpaceShape: ShapeRule = (node, source) => {
  const s = intAttribute(node, 'blocksize', 1);
  const [n = 1, channels = 1, height = 1, width = 1] = known(source, node.inputs[0] as string) ?? [];
  if (!source.hasShape(node.inputs[0] as string)) return [undefined];
  return [node.op === 'DepthToSpace' ? [n, channels / (s * s), height * s, width * s] : [n, channels * s * s, height / s, width / s]];
};

/** Same elements in the same order:  dx = dy in the shape of x. */
const reshape: Gradient = (c, node, dy) => {
  const [x] = node.inputs as readonly [string];
  return node.inputs.map((_, index) => (index === 0 ? c.reshape(dy, c.shape(x)) : null));
};

/** y = x permuted:  dx = dy permuted by the inverse. */
const transpose: Gradient = (c, node, dy) => {
  const rank = c.shape(dy).length;
  const perm = intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  return [
    c.transpose(
      dy,
      perm.map((_, axis) => perm.indexOf(axis)),
    ),
  ];
};

/** Blocks of s×s pixels become channels:  dx = DepthToSpace(dy). */
const spaceToDepth: Gradient = (c, node, dy) => [c.emit('DepthToSpace', [dy], { blocksize: intAttribute(node, 'blocksize', 1) })];

/** Channels become blocks of s×s pixels, in the order [s, s, c] (DCR) or [c, s, s] (CRD):  dx = dy put back. */
const depthToSpace: Gradient = (c, node, dy) => {
  const s = intAttribute(node, 'blocksize', 1);
  if (stringAttribute(node, 'mode', 'DCR') === 'DCR') return [c.emit('SpaceToDepth', [dy], { blocksize: s })];
  const [n = 1, channels = 1, height = 1, width = 1] = c.shape(dy);
  const blocks = c.reshape(dy, [n, channels, height / s, s, width / s, s]);
  return [c.reshape(c.transpose(blocks, [0, 1, 3, 5, 2, 4]), c.shape(node.inputs[0] as string))];
};

/** y = the triangle of x, zeros elsewhere:  dx = the triangle of dy. */
const trilu: Gradient = (c, node, dy) => [
  c.emit('Trilu', [dy, ...node.inputs.slice(1)], node.attributes),
  ...node.inputs.slice(1).map(() => null),
];

/** y = x repeated to a shape:  dx = dy, which the walker sums. */
const expand: Gradient = (_c, _node, dy) => [dy, null];

/** y = x in another type:  dx = dy in the type of x; none where x is not real. */
const cast: Gradient = (c, { inputs: [x = ''] }, dy) => {
  const type = c.dtypeOf(x);
  if (!isFloat(type)) return [null];
  return [c.dtypeOf(dy) === type ? dy : c.emit('Cast', [dy], { to: typeNumber(type) })];
};

/** CastLike is the Cast to the type of its second input, which is known when the graph is written. */
const asCast: Expansion = (c, node) => {
  const [x = '', like = ''] = node.inputs;
  c.add({ ...node, op: 'Cast', inputs: [x], attributes: { ...node.attributes, to: { kind: 'int', value: typeNumber(c.dtypeOf(like)) } } });
};

export function zeros(c: Draft, shape: readonly number[]): string {
  return c.emit('Expand', [0, c.ints(shape)]);
}

const reshaping: Omit<Operator, 'shape'> = { gradient: reshape, fold: reshaped, lower: loweredReshape };

export const movement: Family = {
  Identity: unary((_c, _node, dy) => [dy], { fold: passed }),
  Reshape: { shape: reshapeShape, ...reshaping },
  Flatten: { shape: flattenShape, ...reshaping },
  Squeeze: { shape: squeezeShape, ...reshaping },
  Unsqueeze: { shape: unsqueezeShape, ...reshaping },
  Transpose: { shape: transposeShape, gradient: transpose, fold: transposed },
  Expand: { shape: expandShape, gradient: expand, fold: expanded },
  DepthToSpace: { shape: depthToSpaceShape, gradient: depthToSpace },
  SpaceToDepth: { shape: depthToSpaceShape, gradient: spaceToDepth },
  Trilu: { shape: asInput, gradient: trilu },
  Cast: { shape: asInput, gradient: cast, fold: foldedCast, lower: alone },
  CastLike: { expand: asCast, lower: castLike },
};
