// Operators that tell sizes, or make tensors of numbers: what shapes are computed with. None has a gradient.
import { intAttribute, normalAxis } from '../../onnx/attributes.ts';
import { constantValue } from '../../onnx/constants.ts';
import { type Node, sizeOf } from '../../onnx/ir.ts';
import { ints } from '../../onnx/made/build.ts';
import { counted, filledShape } from '../fold/movement.ts';
import type { Family, Operator, Shape, ShapeRule, ShapeSource } from '../operator.ts';
import { asInput, known } from './elementwise.ts';

/** The sizes that a Shape node tells of: those from `start` to `end`, both kept within the axes that there are. */
function measuredAxes(node: Node, x: Shape): Shape {
  const within = (axis: number) => Math.min(Math.max(normalAxis(axis, x.length), 0), x.length);
  const [start, end] = [within(intAttribute(node, 'start', 0)), within(intAttribute(node, 'end', x.length))];
  return x.slice(start, end);
}

const sizesOf = (node: Node, source: ShapeSource) => {
  const x = known(source, node.inputs[0] ?? '');
  return x === undefined ? null : ints(measuredAxes(node, x));
};

const countOf = (node: Node, source: ShapeSource) => {
  const x = known(source, node.inputs[0] ?? '');
  return x === undefined ? null : ints([sizeOf(x)], []);
};

const measuredShape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  return [x === undefined ? undefined : [measuredAxes(node, x).length]];
};

/** The shape is the value of its input. */
const asAsked: ShapeRule = (node, source) => [source.knownInts(node.inputs[0] as string) ?? undefined];

const rangeShape: ShapeRule = (node, source) => {
  const [start, limit, delta] = node.inputs.map((name) => Number(source.known(name)?.data[0] ?? Number.NaN)) as [number, number, number];
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  return [Number.isFinite(count) ? [count] : undefined];
};

const oneHotShape: ShapeRule = (node, source) => {
  const indices = known(source, node.inputs[0] as string);
  const depth = source.known(node.inputs[1] as string)?.data[0];
  if (indices === undefined || depth === undefined) return [undefined];
  const axis = normalAxis(intAttribute(node, 'axis', -1), indices.length + 1);
  return [indices.toSpliced(axis, 0, Math.trunc(Number(depth)))];
};

/** The runtime takes vectors of one number for start, limit and delta, but not where they are constants: then they become numbers. */
const ofNumbers: Operator['rewrite'] = (node, c) => ({
  ...node,
  inputs: node.inputs.map((name) => {
    const known = c.known(name);
    return known === null || known.dims.length === 0 ? name : c.constant(`${name}/number`, { ...known, dims: [] });
  }),
});

export const sizes: Family = {
  Constant: { fold: { kind: 'known', of: constantValue } },
  Shape: { shape: measuredShape, fold: { kind: 'known', of: sizesOf } },
  Size: { shape: () => [[]], fold: { kind: 'known', of: countOf } },
  ConstantOfShape: { shape: asAsked, fold: filledShape },
  Range: { shape: rangeShape, fold: counted, rewrite: ofNumbers },
  EyeLike: { shape: asInput },
  OneHot: { shape: oneHotShape },
};
