// QOperator, both ways: each quantized operator becomes its float one, with dequantized weights; its output scale is remembered for recalibration.
// Weights go back as integers, biases in steps that the operator implies.

import { floatAttribute, intAttribute } from '../attributes.ts';
import type { Attribute, Node, Tensor } from '../ir.ts';
import { node as build } from '../made/build.ts';
import { is } from '../operator-traits.ts';
import { addActivation } from './activation-scale.ts';
import { constant, type Dequantization, emit, floatName, needConstant, slot, unsupported } from './dequantization.ts';
import { always, type Form } from './form.ts';
import { emitClip, saturation } from './saturation.ts';
import { addBias, quantizeBias } from './stored-bias.ts';
import { addOwnWeight, quantizeWeight } from './stored-weight.ts';

type Rule = (state: Dequantization, node: Node) => void;

/** y = Conv(x, W, B); inputs x, xs, xz, w, ws, wz, ys, yz, B. */
const qLinearConv: Rule = (state, node) => {
  const weightValue = needConstant(state, node, 4, 'weight scale');
  const weight = addOwnWeight(state, node, {
    form: 'qoperator',
    value: 3,
    scale: 4,
    zeroPoint: 5,
    axis: 0,
    perChannel: true,
  });
  const bias = (node.inputs[8] ?? '') === '' ? [] : [biasOf(state, node, 8, 1, weightValue, weight)];
  finish(state, node, 'Conv', [input(state, node, 0, 1), weight, ...bias], node.attributes, [6, 7]);
};

/** y = MatMul(a, b); inputs a, as, az, b, bs, bz, ys, yz. */
const qLinearMatMul: Rule = (state, node) => {
  const stored = constant(state, node.inputs[3]);
  const b =
    stored === null
      ? input(state, node, 3, 4)
      : addOwnWeight(state, node, {
          form: 'qoperator',
          value: 3,
          scale: 4,
          zeroPoint: 5,
          axis: stored.dims.length - 1,
          perChannel: stored.dims.length === 2,
        });
  finish(state, node, 'MatMul', [input(state, node, 0, 1), b], {}, [6, 7]);
};

/** y = alpha · A·B + C; inputs A, as, az, B, bs, bz, C, ys, yz; without ys the output is float. */
const qGemm: Rule = (state, node) => {
  const stored = needConstant(state, node, 3, 'weight');
  const weightValue = needConstant(state, node, 4, 'weight scale');
  const transB = intAttribute(node, 'transB', 0);
  const weight = addOwnWeight(state, node, {
    form: 'qoperator',
    value: 3,
    scale: 4,
    zeroPoint: 5,
    axis: transB ? 0 : stored.dims.length - 1,
    perChannel: true,
  });
  const bias = (node.inputs[6] ?? '') === '' ? [] : [biasOf(state, node, 6, 1, weightValue, weight)];
  const alpha = floatAttribute(node, 'alpha', 1);
  if (alpha !== 1 && bias.length > 0) throw unsupported(node, `alpha = ${alpha} with a bias is not supported`);
  finish(state, node, 'Gemm', [input(state, node, 0, 1), weight, ...bias], node.attributes, [7, 8]);
};

const binary =
  (op: string): Rule =>
  (state, node) =>
    finish(state, node, op, [input(state, node, 0, 1), input(state, node, 3, 4)], {}, [6, 7]);

const unary =
  (op: string): Rule =>
  (state, node) => {
    if (intAttribute(node, 'channels_last', 0) === 1) throw unsupported(node, 'channels_last is not supported');
    const { opset: _opset, channels_last: _last, ...attributes } = node.attributes;
    finish(state, node, op, [input(state, node, 0, 1)], attributes, [3, 4]);
  };

/** Inputs ys, yz, then (x, xs, xz) for each part. */
const qLinearConcat: Rule = (state, node) => {
  const parts = node.inputs.flatMap((_, index) => (index >= 2 && (index - 2) % 3 === 0 ? [input(state, node, index, index + 1)] : []));
  finish(state, node, 'Concat', parts, node.attributes, [0, 1]);
};

/** The float tensor of a quantized input; a constant one is dequantized in place. Its scale, too, must follow new weights before it. */
function input(state: Dequantization, node: Node, value: number, scale: number): string {
  if (constant(state, node.inputs[value]) !== null) {
    return addOwnWeight(state, node, {
      form: 'qoperator',
      value,
      scale: scale,
      zeroPoint: scale + 1,
      axis: 0,
      perChannel: false,
    });
  }
  addActivation(state, node.inputs[value] ?? '', node, scale, scale + 1);
  return floatName(state, node.inputs[value] ?? '');
}

function biasOf(state: Dequantization, node: Node, bias: number, inputScale: number, weightValue: Tensor, weight: string): string {
  const inputValue = needConstant(state, node, inputScale, 'input scale');
  return addBias(state, node, bias, { input: slot(node, inputScale), inputValue, weightValue, weight });
}

function finish(
  state: Dequantization,
  node: Node,
  op: string,
  inputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>>,
  output: readonly [number, number],
): void {
  const [y = ''] = node.outputs;
  const [scale, zeroPoint] = output;
  const isScaled = (node.inputs[scale] ?? '') !== '';
  const limits = isScaled && !is({ op }, 'not-negative') ? saturation(state, y, node, scale, zeroPoint) : null;
  emit(state, build(op, inputs, [limits === null ? y : `${y}/linear`], attributes, { name: node.name }));
  if (limits !== null) emitClip(state, `${y}/linear`, y, limits);
  if (isScaled) addActivation(state, y, node, scale, zeroPoint);
}

export const qoperator = {
  kind: 'qoperator',
  layers: {
    QLinearConv: { weights: [3], bias: 8 },
    QLinearMatMul: { weights: [3, 0], bias: null },
    QGemm: { weights: [3], bias: 6 },
  },
  outputScale: {
    QLinearConv: [6, 7],
    QLinearMatMul: [6, 7],
    QGemm: [7, 8],
    QLinearAdd: [6, 7],
    QLinearMul: [6, 7],
    QLinearGlobalAveragePool: [3, 4],
    QLinearAveragePool: [3, 4],
    QLinearSigmoid: [3, 4],
    QLinearLeakyRelu: [3, 4],
    QLinearSoftmax: [3, 4],
    QLinearConcat: [0, 1],
  },
  lower: {
    QLinearConv: always(qLinearConv),
    QLinearMatMul: always(qLinearMatMul),
    QGemm: always(qGemm),
    QLinearAdd: always(binary('Add')),
    QLinearMul: always(binary('Mul')),
    QLinearSigmoid: always(unary('Sigmoid')),
    QLinearLeakyRelu: always(unary('LeakyRelu')),
    QLinearGlobalAveragePool: always(unary('GlobalAveragePool')),
    QLinearAveragePool: always(unary('AveragePool')),
    QLinearSoftmax: always(unary('Softmax')),
    QLinearConcat: always(qLinearConcat),
  },
  refused: {},
  storeWeight: quantizeWeight,
  storeBias: quantizeBias,
} satisfies Form;
