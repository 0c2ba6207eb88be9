// QDQ, both ways: DequantizeLinear of a constant becomes a float initializer, and QuantizeLinear → DequantizeLinear of an activation falls away.
// Weights go back as integers, or in float where a QuantizeLinear makes the integers, and biases together with the scale that they have here.
import { intAttribute } from '../attributes.ts';
import { type Node, nodeKey } from '../ir.ts';
import { is } from '../operator-traits.ts';
import type { GraphView } from '../view.ts';
import { addActivation } from './activation-scale.ts';
import { constant, type Dequantization, floatName, needConstant, optionalSlot, slot, unsupported } from './dequantization.ts';
import { always, type Form } from './form.ts';
import { dequantizeTensor, topOf } from './quantized-values.ts';
import { emitClip, saturation } from './saturation.ts';
import { quantizeBias } from './stored-bias.ts';
import { addWeight, quantizeWeight } from './stored-weight.ts';

function lowerQuantizeLinear(state: Dequantization, node: Node): void {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  // A weight that the model stores in float: its DequantizeLinear deals with both.
  if (constant(state, x) !== null) return;
  const float = floatName(state, x);
  const limits = saturation(state, float, node, 1, 2);
  if (limits !== null) emitClip(state, float, `${y}/clipped`, limits);
  state.aliases.set(y, limits === null ? float : `${y}/clipped`);
  addActivation(state, y, node, 1, 2);
}

function lowerDequantizeLinear(state: Dequantization, node: Node): void {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const producer = state.seen.producer(x);
  const quantizer = producer?.op === 'QuantizeLinear' ? producer : undefined;
  const stored = constant(state, x) ?? constant(state, quantizer?.inputs[0]);
  if (stored === null) {
    state.aliases.set(y, floatName(state, x));
    state.dequantizedBy.set(y, slot(node, 1));
    addActivation(state, y, node, 1, 2);
    return;
  }
  if (intAttribute(node, 'block_size', 0) !== 0)
    throw unsupported(node, 'block-wise scales are not supported', 'Quantize the model per tensor or per channel.');
  const scaleValue = needConstant(state, node, 1, 'scale');
  const axis = axisOf(node, stored.dims.length);
  if (stored.dtype === 'int32') {
    // A bias. Where the layer that reads it knows its input's scale, `completeBias` ties the two.
    state.initializers.set(y, dequantizeTensor(stored, scaleValue, null, 0));
    state.origins.set(y, {
      kind: 'quantized',
      form: 'qdq',
      value: slot(node, 0),
      scale: slot(node, 1),
      zeroPoint: optionalSlot(node, 2),
      axis: 0,
      perChannel: false,
      zeroPointFollowsScale: true,
      quantizer: null,
      grid: { perChannel: scaleValue.dims.length > 0 && (scaleValue.dims[0] ?? 1) > 1, top: topOf(stored, null) },
    });
    return;
  }
  const name = addWeight(state, {
    form: 'qdq',
    node,
    value: 0,
    scale: slot(node, 1),
    scaleValue,
    zeroPoint: 2,
    axis,
    // Before opset 13 DequantizeLinear had no axis: one scale for the whole tensor.
    perChannel: state.opset >= 13 && stored.dims.length > 1 && scaleValue.dims.length === 1 && scaleValue.dims[0] === stored.dims[axis],
    zeroPointFollowsScale: true,
    ...(quantizer === undefined ? {} : { quantizer }),
  });
  state.aliases.set(y, name);
}

function rootOf(seen: GraphView, name: string): string {
  let root = name;
  for (let node = seen.producer(root); node !== undefined && is(node, 'view', 'permutes'); node = seen.producer(root))
    root = node.inputs[0] ?? '';
  return root;
}

function axisOf(node: Node, rank: number): number {
  const axis = intAttribute(node, 'axis', 1);
  if (rank === 0) return 0;
  return Math.min(axis < 0 ? axis + rank : axis, rank - 1);
}

/**
 * A float Conv or Gemm whose bias came through DequantizeLinear: now its input's scale and its weight are known. Either may have been transposed
 * or reshaped on the way.
 */
export function completeBias(state: Dequantization, node: Node): void {
  const bias = rootOf(state.seen, node.inputs[2] ?? '');
  const source = state.seen.producer(bias);
  const weight = state.aliases.get(rootOf(state.seen, node.inputs[1] ?? ''));
  if (source?.op !== 'DequantizeLinear' || !state.initializers.has(bias) || weight === undefined) return;
  state.origins.set(bias, {
    kind: 'int32-bias',
    form: 'qdq',
    value: slot(source, 0),
    inputScale: state.dequantizedBy.get(node.inputs[0] ?? '') ?? null,
    layer: nodeKey(node),
    weight,
    scale: slot(source, 1),
    zeroPoint: optionalSlot(source, 2),
  });
}

export const qdq = {
  kind: 'qdq',
  // Layers are those of float; the DequantizeLinear before their weights says what they are.
  layers: { MatMulNBits: { weights: [1], bias: 5 } },
  outputScale: { QuantizeLinear: [1, 2] },
  lower: { QuantizeLinear: always(lowerQuantizeLinear), DequantizeLinear: always(lowerDequantizeLinear) },
  refused: { MatMulNBits: 'Use 8-bit quantization for the layers to be trained.' },
  storeWeight: quantizeWeight,
  storeBias: quantizeBias,
} satisfies Form;
