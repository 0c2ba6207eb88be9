// Dynamic quantization, both ways: DynamicQuantizeLinear → MatMulInteger or ConvInteger → Cast → Mul by the scales becomes one float operator. Weights
// go back as integers; biases and activations are float.

import type { Node } from '../ir.ts';
import { node as build } from '../made/build.ts';
import type { Slot } from '../surgery/tail.ts';
import { type Accumulator, constant, type Dequantization, emit, floatName, needConstant, slot, unsupported } from './dequantization.ts';
import { always, type Form } from './form.ts';
import { addOwnWeight, addWeight, quantizeWeight } from './stored-weight.ts';

function lowerDynamicQuantizeLinear(state: Dequantization, node: Node): void {
  const [q = '', scale = '', zeroPoint = ''] = node.outputs;
  const x = floatName(state, node.inputs[0] ?? '');
  state.aliases.set(q, x);
  state.aliases.set(zeroPoint, x);
  state.dynamicScales.set(scale, null);
}

function lowerInteger(state: Dequantization, node: Node, op: 'MatMul' | 'Conv'): void {
  needConstant(state, node, 1, 'weight');
  state.accumulators.set(node.outputs[0] ?? '', { node, op, hasInputScale: false, weightScale: null });
}

/** Cast of an accumulator changes nothing that matters here. Gives false where it is an ordinary Cast. */
function lowerCast(state: Dequantization, node: Node): boolean {
  const accumulator = state.accumulators.get(node.inputs[0] ?? '');
  if (accumulator === undefined) return false;
  state.accumulators.set(node.outputs[0] ?? '', accumulator);
  return true;
}

/** Mul of scales, or of an accumulator by its scales. Gives false where it is an ordinary Mul. */
function lowerScaleMul(state: Dequantization, node: Node): boolean {
  const [y = ''] = node.outputs;
  const accumulated = node.inputs.findIndex((name) => state.accumulators.has(name));
  if (accumulated < 0) {
    const dynamic = node.inputs.findIndex((name) => state.dynamicScales.has(name));
    if (dynamic < 0) return false;
    if (constant(state, node.inputs[1 - dynamic]) === null) throw unsupported(node, 'a dynamic scale is multiplied by something computed');
    state.dynamicScales.set(y, slot(node, 1 - dynamic));
    return true;
  }
  const accumulator = state.accumulators.get(node.inputs[accumulated] ?? '') as Accumulator;
  const other = node.inputs[1 - accumulated] ?? '';
  const next: Accumulator = state.dynamicScales.has(other)
    ? { ...accumulator, hasInputScale: true, weightScale: state.dynamicScales.get(other) ?? accumulator.weightScale }
    : { ...accumulator, weightScale: constant(state, other) === null ? null : slot(node, 1 - accumulated) };
  if (next.hasInputScale && next.weightScale !== null) emitFloat(state, next, next.weightScale, y);
  else state.accumulators.set(y, next);
  return true;
}

function emitFloat(state: Dequantization, accumulator: Accumulator, scale: Slot, output: string): void {
  const { node, op } = accumulator;
  const holder = state.seen.node(scale.node) as Node;
  const scaleValue = needConstant(state, holder, scale.input, 'weight scale');
  const rank = needConstant(state, node, 1, 'weight').dims.length;
  const weight = addWeight(state, {
    form: 'dynamic',
    node,
    value: 1,
    scale,
    scaleValue,
    zeroPoint: 3,
    axis: op === 'Conv' ? 0 : rank - 1,
    // The scale multiplies the product from behind, so a row of scales broadcasts over the columns of a MatMul; a Conv has its channels elsewhere.
    perChannel: op === 'MatMul' && rank === 2,
    zeroPointFollowsScale: false,
  });
  emit(
    state,
    build(op, [floatName(state, node.inputs[0] ?? ''), weight], [output], op === 'Conv' ? node.attributes : {}, { name: node.name }),
  );
}

/** com.microsoft.DynamicQuantizeMatMul: A, B, bs, bz, bias. */
function lowerDynamicQuantizeMatMul(state: Dequantization, node: Node): void {
  const stored = needConstant(state, node, 1, 'weight');
  const weight = addOwnWeight(state, node, {
    form: 'dynamic',
    value: 1,
    scale: 2,
    zeroPoint: 3,
    axis: stored.dims.length - 1,
    perChannel: stored.dims.length === 2,
  });
  fused(state, node, floatName(state, node.inputs[0] ?? ''), weight, node.inputs[4] ?? '');
}

/** com.microsoft.MatMulIntegerToFloat: A, B, as, bs, az, bz, bias. */
function lowerMatMulIntegerToFloat(state: Dequantization, node: Node): void {
  if (!state.dynamicScales.has(node.inputs[2] ?? '')) throw unsupported(node, 'its input scale does not come from DynamicQuantizeLinear');
  const stored = needConstant(state, node, 1, 'weight');
  const weight = addOwnWeight(state, node, {
    form: 'dynamic',
    value: 1,
    scale: 3,
    zeroPoint: 5,
    axis: stored.dims.length - 1,
    perChannel: stored.dims.length === 2,
  });
  fused(state, node, floatName(state, node.inputs[0] ?? ''), weight, node.inputs[6] ?? '');
}

function fused(state: Dequantization, node: Node, x: string, weight: string, bias: string): void {
  const [y = ''] = node.outputs;
  if (bias === '') {
    emit(state, build('MatMul', [x, weight], [y], {}, { name: node.name }));
    return;
  }
  emit(state, build('MatMul', [x, weight], [`${y}/product`], {}, { name: node.name }));
  if (constant(state, bias) !== null) state.origins.set(bias, { kind: 'float', values: [slot(node, node.inputs.lastIndexOf(bias))] });
  emit(state, build('Add', [`${y}/product`, bias], [y]));
}

export const dynamic = {
  kind: 'dynamic',
  layers: {
    ConvInteger: { weights: [1], bias: null },
    MatMulInteger: { weights: [1, 0], bias: null },
    DynamicQuantizeMatMul: { weights: [1], bias: 4 },
    MatMulIntegerToFloat: { weights: [1], bias: 6 },
    DynamicQuantizeLSTM: { weights: [1], bias: 3 },
  },
  outputScale: {},
  lower: {
    DynamicQuantizeLinear: always(lowerDynamicQuantizeLinear),
    MatMulInteger: always((state, node) => lowerInteger(state, node, 'MatMul')),
    ConvInteger: always((state, node) => lowerInteger(state, node, 'Conv')),
    DynamicQuantizeMatMul: always(lowerDynamicQuantizeMatMul),
    MatMulIntegerToFloat: always(lowerMatMulIntegerToFloat),
    Cast: lowerCast,
    Mul: lowerScaleMul,
  },
  refused: { DynamicQuantizeLSTM: 'Cut behind the recurrent layer.' },
  storeWeight: quantizeWeight,
} satisfies Form;
