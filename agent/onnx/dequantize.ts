// Quantized tail → FloatTail: every quantized operator becomes its float one, every trainable array an initializer that knows where it
// came from. Refuses operators it cannot handle (`operator-unsupported`), naming the node and what would help.
import { WhetError } from '../errors.ts';
import { producers, sorted } from './graph.ts';
import { findHead } from './head.ts';
import type { Graph, Model, Node, Tensor } from './ir.ts';
import { opsetOf } from './ir.ts';
import {
  lowerCast,
  lowerDynamicQuantizeLinear,
  lowerDynamicQuantizeMatMul,
  lowerInteger,
  lowerMatMulIntegerToFloat,
  lowerScaleMul,
} from './lower-dynamic.ts';
import { completeBias, lowerDequantizeLinear, lowerQuantizeLinear } from './lower-qdq.ts';
import { qoperatorRules } from './lower-qoperator.ts';
import { emit, floatName, type Lowering, unsupported } from './lowering.ts';
import { modernizeNode, targetOpset } from './modernize.ts';
import { findParameters } from './parameters.ts';
import { unclippedEnds } from './saturation.ts';
import { foldConstants } from './slots.ts';
import type { FloatTail } from './tail.ts';

/** Operators that come in with other runtimes' optimizers or other quantizers, and what would help. */
const refused: Readonly<Record<string, string>> = {
  MatMulNBits: 'Use 8-bit quantization for the layers to be trained.',
  FusedConv: 'Export the model again without extended graph optimizations.',
  FusedMatMul: 'Export the model again without extended graph optimizations.',
  DynamicQuantizeLSTM: 'Cut behind the recurrent layer.',
};

/**
 * The float form of a tail. `features` says what is known of the tail's input: 'saturated' values never leave the range of a quantizer that
 * reads them first, 'free' ones may, and then that quantizer's limits become a Clip, as they do between layers.
 */
export function dequantizeTail(tail: Model, features: 'saturated' | 'free' = 'saturated'): FloatTail {
  const graph = foldConstants(tail.graph);
  const state: Lowering = {
    graph,
    unclipped: new Set([...unclippedEnds(graph), ...(features === 'saturated' ? graph.inputs.map((input) => input.name) : [])]),
    opset: opsetOf(tail),
    aliases: new Map(),
    nodes: [],
    initializers: new Map(),
    origins: new Map(),
    activations: [],
    dequantizedBy: new Map(),
    accumulators: new Map(),
    dynamicScales: new Map(),
  };
  const produced = producers(graph);
  for (const node of sorted(graph)) lower(state, node, produced);
  return assemble(tail, state);
}

type Rule = (state: Lowering, node: Node) => void;

const rules: Readonly<Record<string, Rule>> = {
  ...qoperatorRules,
  QuantizeLinear: lowerQuantizeLinear,
  DequantizeLinear: lowerDequantizeLinear,
  DynamicQuantizeLinear: lowerDynamicQuantizeLinear,
  MatMulInteger: (state, node) => lowerInteger(state, node, 'MatMul'),
  ConvInteger: (state, node) => lowerInteger(state, node, 'Conv'),
  DynamicQuantizeMatMul: lowerDynamicQuantizeMatMul,
  MatMulIntegerToFloat: lowerMatMulIntegerToFloat,
  // At inference both pass their input through.
  Dropout: passThrough,
  Identity: passThrough,
};

function lower(state: Lowering, node: Node, produced: ReadonlyMap<string, Node>): void {
  const help = refused[node.op];
  if (help !== undefined) throw unsupported(node, 'this operator cannot be turned into float', help);
  const rule = rules[node.op];
  if (rule !== undefined) rule(state, node);
  else if (node.op === 'Cast' && lowerCast(state, node)) return;
  else if (node.op === 'Mul' && lowerScaleMul(state, node)) return;
  else lowerFloat(state, node, produced);
}

function passThrough(state: Lowering, node: Node): void {
  state.aliases.set(node.outputs[0] ?? '', floatName(state, node.inputs[0] ?? ''));
}

function lowerFloat(state: Lowering, node: Node, produced: ReadonlyMap<string, Node>): void {
  const pending = node.inputs.find((name) => state.accumulators.has(name) || state.dynamicScales.has(name));
  if (pending !== undefined) throw unsupported(node, `it reads the integer product '${pending}' before its scales are applied`);
  if (node.op === 'Conv' || node.op === 'ConvTranspose' || node.op === 'Gemm') completeBias(state, node, produced);
  for (const part of modernizeNode(state, { ...node, inputs: node.inputs.map((name) => floatName(state, name)) })) emit(state, part);
}

function assemble(tail: Model, state: Lowering): FloatTail {
  const [input] = tail.graph.inputs;
  const [output] = tail.graph.outputs;
  if (input === undefined || output === undefined) throw new WhetError('internal', 'a tail has one input and one output');
  const graph: Graph = { ...tail.graph, nodes: state.nodes, initializers: state.initializers, valueInfo: [] };
  const parameters = findParameters(graph);
  const origins = new Map(state.origins);
  for (const { name, slots } of parameters) if (!origins.has(name)) origins.set(name, { kind: 'float', values: slots });
  const trained = dependents(graph, new Set(parameters.map(({ name }) => name)));
  const rename = renaming(state, output.name);
  const hasMicrosoft = state.nodes.some((node) => node.domain === 'com.microsoft');
  const model: Model = {
    ...tail,
    irVersion: Math.max(tail.irVersion, 8),
    opsets: new Map([['', targetOpset(state.opset)], ...(hasMicrosoft ? [['com.microsoft', 1] as const] : [])]),
    graph: {
      ...graph,
      nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) })),
    },
    functions: [],
  };
  return {
    model,
    input: input.name,
    output: output.name,
    ...findHead(model, parameters, output.name),
    parameters: parameters.map(({ slots: _slots, ...parameter }) => parameter),
    origins,
    base: new Map(parameters.map(({ name }) => [name, state.initializers.get(name) as Tensor])),
    activations: state.activations
      .filter(({ tensor }) => trained.has(tensor))
      .map((activation) => ({ ...activation, tensor: rename(activation.tensor) })),
  };
}

/** Every tensor that changes when one of `names` does. */
function dependents(graph: Graph, names: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set(names);
  for (const node of graph.nodes) if (node.inputs.some((name) => found.has(name))) for (const name of node.outputs) found.add(name);
  return found;
}

/** The model's output may have been an alias of something float (its DequantizeLinear fell away): that gets the output's name. */
function renaming(state: Lowering, output: string): (name: string) => string {
  const float = floatName(state, output);
  return (name) => (name === float ? output : name);
}
