// The state of turning a quantized tail into a float one: which float tensor stands for each quantized one, what was emitted, and where
// every parameter came from. The forms read and write it through the functions here.
import { WhetError } from '../../errors.ts';
import { type Graph, type Node, nodeKey, type Tensor } from '../ir.ts';
import { typeOf } from '../result-type.ts';
import type { ActivationScale, ParameterOrigin, Slot } from '../surgery/tail.ts';
import { type GraphView, view } from '../view.ts';
import { asFloat32, isFloat } from './quantized-values.ts';

/** An integer product that still waits for its scales (dynamic quantization). */
export interface Accumulator {
  readonly node: Node;
  readonly op: 'MatMul' | 'Conv';
  readonly hasInputScale: boolean;
  readonly weightScale: Slot | null;
}

export interface Dequantization {
  readonly graph: Graph;
  /** Lookups of that graph. */
  readonly seen: GraphView;
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

/** The beginning: nothing is written yet. */
export function dequantization(graph: Graph, options: Pick<Dequantization, 'opset' | 'unclipped' | 'inFloat32'>): Dequantization {
  return {
    ...options,
    graph,
    seen: view(graph),
    aliases: new Map(),
    nodes: [],
    initializers: new Map(),
    origins: new Map(),
    activations: [],
    dequantizedBy: new Map(),
    accumulators: new Map(),
    dynamicScales: new Map(),
  };
}

/** The float node that was written to compute a tensor; undefined where it comes from outside. */
export function madeBy(state: Dequantization, name: string): Node | undefined {
  return name === '' ? undefined : state.nodes.findLast(({ outputs }) => outputs.includes(name));
}

export function slot(node: Node, input: number): Slot {
  return { node: nodeKey(node), input };
}

/** A slot where the node has that input; null where it is left out. */
export function optionalSlot(node: Node, input: number): Slot | null {
  return (node.inputs[input] ?? '') === '' ? null : slot(node, input);
}

/** The value of an initializer or Constant; null where it is computed or left out. */
export function constant(state: Dequantization, name: string | undefined): Tensor | null {
  return (name === undefined ? null : (state.initializers.get(name) ?? state.graph.initializers.get(name))) ?? null;
}

/** A constant that a quantized operator cannot do without. */
export function needConstant(state: Dequantization, node: Node, input: number, what: string): Tensor {
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
export function floatName(state: Dequantization, name: string): string {
  return state.aliases.get(name) ?? name;
}

/**
 * Emits a float node; initializers that it reads are carried over. Where a tail is made, 16-bit and 64-bit floats become float32, there and in
 * what the node makes of nothing (ConstantOfShape, EyeLike).
 */
export function emit(state: Dequantization, node: Node): void {
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

export function uniqueName(state: Dequantization, wanted: string): string {
  let name = wanted;
  for (let count = 2; state.initializers.has(name); count++) name = `${wanted}${count}`;
  return name;
}
