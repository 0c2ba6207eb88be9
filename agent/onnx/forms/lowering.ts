// The state of turning a quantized tail into a float one: which float tensor stands for each quantized one, what was emitted, and where
// every parameter came from. Rules (lower-*.ts) read and write it through the functions here.
import { WhetError } from '../../errors.ts';
import { producers } from '../graph.ts';
import { type Graph, type Node, nodeKey, type Tensor } from '../ir.ts';
import { is } from '../operator-traits.ts';
import { typeOf } from '../result-type.ts';
import type { ActivationScale, ParameterOrigin, Slot } from '../surgery/tail.ts';
import { quantizedType } from './quantized-type.ts';
import { asFloat32, dequantizeTensor, isFloat, limitsOf, numbers, quantizeTensor, topOf } from './quantized-values.ts';

/** An integer product that still waits for its scales (dynamic quantization). */
export interface Accumulator {
  readonly node: Node;
  readonly op: 'MatMul' | 'Conv';
  readonly hasInputScale: boolean;
  readonly weightScale: Slot | null;
}

export interface Lowering {
  readonly graph: Graph;
  readonly opset: number;
  /** Whether every float becomes float32, as a tail is trained; else a graph keeps the types it has. */
  readonly inFloat32?: boolean;
  /** Tensors whose quantizer's limits mean nothing: the logits, and features that are known to lie within them. */
  readonly unclipped: ReadonlySet<string>;
  /** Quantized or passed-through tensor → float tensor. */
  readonly aliases: Map<string, string>;
  readonly nodes: Node[];
  readonly initializers: Map<string, Tensor>;
  readonly origins: Map<string, ParameterOrigin>;
  readonly activations: ActivationScale[];
  /** Float tensor that a DequantizeLinear gave → slot of the scale it used; a QDQ bias needs it. */
  readonly dequantizedBy: Map<string, Slot>;
  readonly accumulators: Map<string, Accumulator>;
  /** Tensors that hold a dynamic input scale, alone (null) or times a weight scale. */
  readonly dynamicScales: Map<string, Slot | null>;
}

export function slot(node: Node, input: number): Slot {
  return { node: nodeKey(node), input };
}

/** A slot where the node has that input; null where it is left out. */
export function optionalSlot(node: Node, input: number): Slot | null {
  return (node.inputs[input] ?? '') === '' ? null : slot(node, input);
}

/** The value of an initializer or Constant; null where it is computed or left out. */
export function constant(state: Lowering, name: string | undefined): Tensor | null {
  return (name === undefined ? null : (state.initializers.get(name) ?? state.graph.initializers.get(name))) ?? null;
}

/** A constant that a quantized operator cannot do without. */
export function needConstant(state: Lowering, node: Node, input: number, what: string): Tensor {
  const value = constant(state, node.inputs[input]);
  if (value !== null) return value;
  throw unsupported(node, `its ${what} (input ${input}, '${node.inputs[input] ?? ''}') is computed, not constant`);
}

/** Followed where there are more layers behind the cut than one; `dequantizeTail` says another where there are not. */
export const fewerLayers = 'Train fewer layers, so that this node stays in the backbone.';

export function unsupported(node: Node, why: string, hint = fewerLayers): WhetError {
  const domain = node.domain === '' ? '' : `${node.domain}.`;
  return new WhetError('operator-unsupported', `${domain}${node.op} '${node.name || nodeKey(node)}' in the tail: ${why}`, { hint });
}

/** The float tensor that stands for a name. */
export function floatName(state: Lowering, name: string): string {
  return state.aliases.get(name) ?? name;
}

/**
 * Emits a float node; initializers that it reads are carried over. Where a tail is made, 16-bit and 64-bit floats become float32, there and in
 * what the node makes of nothing (ConstantOfShape, EyeLike).
 */
export function emit(state: Lowering, node: Node): void {
  for (const name of node.inputs) {
    const value = state.graph.initializers.get(name);
    if (value !== undefined && !state.initializers.has(name))
      state.initializers.set(name, state.inFloat32 === true ? asFloat32(value) : value);
  }
  state.nodes.push(state.inFloat32 === true ? makingFloat32(node) : node);
}

function makingFloat32(node: Node): Node {
  const { value, dtype } = node.attributes;
  if (value?.kind === 'tensor' && isFloat(value.value.dtype) && value.value.dtype !== 'float32')
    return { ...node, attributes: { ...node.attributes, value: { kind: 'tensor', value: asFloat32(value.value) } } };
  if (dtype?.kind === 'int' && isFloat(typeOf(dtype.value)) && dtype.value !== 1)
    return { ...node, attributes: { ...node.attributes, dtype: { kind: 'int', value: 1 } } };
  return node;
}

export interface QuantizedWeight {
  readonly node: Node;
  readonly value: number;
  readonly scale: Slot;
  readonly scaleValue: Tensor;
  readonly zeroPoint: number | null;
  readonly axis: number;
  readonly perChannel: boolean;
  readonly zeroPointFollowsScale: boolean;
  /** QuantizeLinear of a float weight, where the model stores it so. */
  readonly quantizer?: Node;
}

/** Adds a dequantized weight as a float initializer and remembers where it came from; gives its name. */
export function addWeight(state: Lowering, weight: QuantizedWeight): string {
  const { node, quantizer, axis, perChannel, zeroPointFollowsScale, scale } = weight;
  const zeroPoint = weight.zeroPoint === null ? null : optionalSlot(node, weight.zeroPoint);
  const zeros = zeroPoint === null ? null : needConstant(state, node, zeroPoint.input, 'weight zero point');
  const stored = quantizer === undefined ? needConstant(state, node, weight.value, 'weight') : quantizeConstant(state, quantizer, axis);
  const name = uniqueName(state, `${(quantizer ?? node).inputs[weight.value]}/float`);
  state.initializers.set(name, dequantizeTensor(stored, weight.scaleValue, zeros, axis));
  state.origins.set(name, {
    kind: 'quantized',
    value: slot(quantizer ?? node, weight.value),
    scale,
    zeroPoint,
    axis,
    perChannel,
    zeroPointFollowsScale,
    quantizer: quantizer === undefined ? null : { scale: slot(quantizer, 1), zeroPoint: optionalSlot(quantizer, 2) },
    grid: {
      perChannel: numbers(weight.scaleValue).length > 1,
      top: quantizer === undefined ? topOf(stored, zeros) : Math.floor((limitsOf(stored.dtype)[1] - limitsOf(stored.dtype)[0]) / 2),
    },
  });
  return name;
}

/** What a QuantizeLinear makes of a float weight. */
function quantizeConstant(state: Lowering, quantizer: Node, axis: number): Tensor {
  const zeros = constant(state, quantizer.inputs[2]);
  const zero = zeros === null ? 0 : (numbers(zeros)[0] ?? 0);
  const scales = numbers(needConstant(state, quantizer, 1, 'weight scale'));
  return quantizeTensor(needConstant(state, quantizer, 0, 'weight'), scales, zero, quantizedType(state.graph, quantizer, zeros), axis);
}

/** Adds an int32 bias as float: real = q · (input scale · weight scale). */
export function addBias(
  state: Lowering,
  node: Node,
  input: number,
  scales: { readonly input: Slot; readonly inputValue: Tensor; readonly weightValue: Tensor; readonly weight: string },
): string {
  const stored = needConstant(state, node, input, 'bias');
  const xs = numbers(scales.inputValue)[0] as number;
  const product = Float32Array.from(numbers(scales.weightValue), (ws) => Math.fround(xs * ws));
  const name = uniqueName(state, `${node.inputs[input]}/float`);
  const vector: Tensor = { ...stored, dims: [stored.dims.reduce((a, b) => a * b, 1)] };
  const float = dequantizeTensor(vector, { dtype: 'float32', dims: [product.length], data: product }, null, 0);
  state.initializers.set(name, { ...float, dims: stored.dims });
  state.origins.set(name, {
    kind: 'int32-bias',
    value: slot(node, input),
    inputScale: scales.input,
    layer: nodeKey(node),
    weight: scales.weight,
    scale: null,
    zeroPoint: null,
  });
  return name;
}

/** The tensor whose scale `name` has: back through what passes quantized values on as they are, to whatever computed them. */
function quantizedRoot(produced: ReadonlyMap<string, Node>, name: string): string {
  let root = name;
  for (let producer = produced.get(root); producer !== undefined && is(producer, 'keeps-scale'); producer = produced.get(root)) {
    root = producer.inputs[0] ?? '';
  }
  return root;
}

/** Says that the model fixes the scale of this float tensor at these inputs. */
export function addActivation(state: Lowering, tensor: string, node: Node, scale: number, zeroPoint: number): void {
  const root = quantizedRoot(producers(state.graph), tensor);
  const zero = constant(state, node.inputs[zeroPoint]);
  state.activations.push({
    tensor: floatName(state, root),
    scale: slot(node, scale),
    zeroPoint: optionalSlot(node, zeroPoint),
    base: {
      scale: numbers(needConstant(state, node, scale, 'scale'))[0] ?? 1,
      zeroPoint: zero === null ? 0 : (numbers(zero)[0] ?? 0),
      dtype: quantizedType(state.graph, node, zero),
    },
  });
}

function uniqueName(state: Lowering, wanted: string): string {
  let name = wanted;
  for (let count = 2; state.initializers.has(name); count++) name = `${wanted}${count}`;
  return name;
}
