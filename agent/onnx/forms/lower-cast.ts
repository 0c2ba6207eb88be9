// Casts between float types: the float tail is float32 throughout, so that they fall away; a constant that is cast becomes a float32
// initializer that knows where it came from. Other casts are left as they are.
import { type DType, dataTypes, type Node } from '../ir.ts';
import { constant, emit, floatName, type Lowering, slot } from './lowering.ts';
import { asFloat32, isFloat } from './quantized-values.ts';

/** Gives false for a Cast from or to something that is no float. */
export function lowerFloatCast(state: Lowering, node: Node): boolean {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const to = node.attributes.to;
  if (to?.kind !== 'int' || !isFloat(dataTypes[to.value as keyof typeof dataTypes] ?? null)) return false;
  if (constant(state, x) === null) {
    if (isNumber(state, x)) state.aliases.set(y, floatName(state, x));
    else emit(state, { ...node, inputs: [floatName(state, x)], attributes: { ...node.attributes, to: { kind: 'int', value: 1 } } });
    return true;
  }
  return lowerFloatConstant(state, node);
}

/** A float constant of the model behind a Cast or Identity: an initializer of its own, written back where the operator reads it. */
export function lowerFloatConstant(state: Lowering, node: Node): boolean {
  const stored = state.graph.initializers.get(node.inputs[0] ?? '');
  if (stored === undefined || !isFloat(stored.dtype)) return false;
  const [y = ''] = node.outputs;
  state.initializers.set(y, asFloat32(stored));
  state.origins.set(y, { kind: 'float', values: [slot(node, 0)] });
  return true;
}

/** Give whole numbers or truths, whatever they are given. */
const integers: ReadonlySet<string> = new Set(
  'Shape Size ArgMax ArgMin NonZero Equal Less LessOrEqual Greater GreaterOrEqual And Or Not Xor IsNaN IsInf BitShift QuantizeLinear'.split(
    ' ',
  ),
);
/** Operators that are for float tensors alone, or that the tail has in float: everything between a layer's input and its output. */
const floats: ReadonlySet<string> = new Set(
  [
    'Conv ConvTranspose Gemm MatMul Einsum LSTM GRU RNN Attention BatchNormalization InstanceNormalization LayerNormalization',
    'GroupNormalization RMSNormalization LpNormalization MeanVarianceNormalization LRN Softmax LogSoftmax Hardmax Sigmoid HardSigmoid Tanh',
    'Elu Selu Celu LeakyRelu PRelu ThresholdedRelu HardSwish Swish Mish Gelu Softplus Softsign Exp Log Sqrt Reciprocal Erf Sin Cos Tan',
    'AveragePool GlobalAveragePool GlobalMaxPool LpPool GlobalLpPool Dropout ReduceMean ReduceL2 ReduceLogSumExp DequantizeLinear',
  ].flatMap((names) => names.split(' ')),
);
/** Give positions or a mask beside their values. */
const floatFirst: ReadonlySet<string> = new Set(['Dropout', 'MaxPool', 'TopK', 'Unique']);
/** The type of these outputs stands in another input than the first. */
const typeInput: Readonly<Record<string, number>> = { Where: 1, OneHot: 2, CastLike: 1 };

/** Whether a tensor of the tail is surely float: positions and masks, made of sizes and comparisons, are not, and keep their Cast. */
function isNumber(state: Lowering, name: string): boolean {
  let at = floatName(state, name);
  for (;;) {
    const found: DType | undefined = state.initializers.get(at)?.dtype;
    if (found !== undefined) return isFloat(found);
    const node = state.nodes.find((made) => made.outputs.includes(at));
    // What comes from outside are features.
    if (node === undefined) return true;
    if (node.op === 'Cast') return isFloat(dataTypes[Number(node.attributes.to?.value) as keyof typeof dataTypes] ?? null);
    if (floatFirst.has(node.op) && node.outputs[0] !== at) return false;
    if (floats.has(node.op)) return true;
    if (integers.has(node.op) || node.op === 'ConstantOfShape' || node.op === 'Constant') return false;
    at = floatName(state, node.inputs[(Object.hasOwn(typeInput, node.op) ? typeInput[node.op] : 0) ?? 0] ?? '');
    if (at === '') return false;
  }
}
