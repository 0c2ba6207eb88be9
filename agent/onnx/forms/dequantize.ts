// Quantized tail → FloatTail: every quantized operator becomes its float one, every trainable array an initializer that knows where it
// came from. Refuses operators it cannot handle (`operator-unsupported`), naming the node and what would help.
import { WhetError } from '../../errors.ts';
import { foldConstants } from '../constants.ts';
import { sorted } from '../graph.ts';
import { type Graph, type Model, type Node, opsetOf, sizeOf, type Tensor, type ValueInfo } from '../ir.ts';
import { findHead } from '../made/head.ts';
import { is } from '../operator-traits.ts';
import { absorbNormalization, widenScalarBias } from '../surgery/end-layer.ts';
import { listLayers } from '../surgery/layers.ts';
import { modernizeNode, targetOpset } from '../surgery/modernize.ts';
import type { FloatTail, ParameterOrigin } from '../surgery/tail.ts';
import { canonicalEnds } from '../surgery/tail-ends.ts';
import { view } from '../view.ts';
import { type Dequantization, dequantization, emit, fewerLayers, floatName, unsupported } from './dequantization.ts';
import { lowerQuantized, refusal } from './forms.ts';
import { findParameters } from './parameters.ts';
import { completeBias } from './qdq.ts';
import { unclippedEnds } from './saturation.ts';

/**
 * The float form of a tail. `features` says what is known of the tail's input: 'saturated' values never leave the range of a quantizer that
 * reads them first, 'free' ones may, and then that quantizer's limits become a Clip, as they do between layers.
 */
export function dequantizeTail(tail: Model, features: 'saturated' | 'free' = 'saturated'): FloatTail {
  try {
    return lowerTail(tail, features);
  } catch (error) {
    if (!(error instanceof WhetError) || error.hint !== fewerLayers || listLayers(tail).length > 1) throw error;
    throw new WhetError(error.code, error.message, {
      hint: 'No cut leaves less: export the model without this operator at its end, or take another model.',
    });
  }
}

function lowerTail(tail: Model, features: 'saturated' | 'free'): FloatTail {
  const graph = foldConstants(tail.graph);
  const state = dequantization(graph, {
    unclipped: new Set([...unclippedEnds(view(graph)), ...(features === 'saturated' ? graph.inputs.map((input) => input.name) : [])]),
    opset: opsetOf(tail),
    inFloat32: true,
  });
  for (const node of sorted(graph)) lower(state, node);
  const float = assemble(tail, state);
  refuseUntrained({ ...tail, graph }, float);
  return float;
}

/** A layer that is listed is a layer that is trained: throws `operator-unsupported` for one whose weights no parameter holds. */
function refuseUntrained(tail: Model, { origins }: FloatTail): void {
  const seen = view(tail.graph);
  const slots = [...origins.values()].flatMap((origin) => (origin.kind === 'float' ? origin.values : [origin.value]));
  const trained = new Set(slots.map(({ node, input }) => seen.node(node)?.inputs[input]));
  const lost = listLayers(tail).find(({ weights }) => !trained.has(weights[0]));
  if (lost !== undefined) throw unsupported(lost.node, `its weight '${lost.weights[0]}' comes in a way that training cannot go back`);
}

function lower(state: Dequantization, node: Node): void {
  const help = refusal(node);
  if (help !== null) throw unsupported(node, 'this operator cannot be turned into float', help);
  if (!lowerQuantized(state, node)) lowerFloat(state, node);
}

function lowerFloat(state: Dequantization, node: Node): void {
  const pending = node.inputs.find((name) => state.accumulators.has(name) || state.dynamicScales.has(name));
  if (pending !== undefined) throw unsupported(node, `it reads the integer product '${pending}' before its scales are applied`);
  if (is(node, 'weighted')) completeBias(state, node);
  for (const part of modernizeNode(state, { ...node, inputs: node.inputs.map((name) => floatName(state, name)) })) emit(state, part);
}

function assemble(tail: Model, state: Dequantization): FloatTail {
  const [input] = tail.graph.inputs;
  const [output] = tail.graph.outputs;
  if (input === undefined || output === undefined) throw new WhetError('internal', 'a tail has one input and one output');
  refuseEmpty(state, input, output);
  const origins = new Map(state.origins);
  const { graph, absorbed, renamed } = trainableEnd(state, origins, output);
  const parameters = findParameters(graph);
  const trained = dependents(graph, new Set(parameters.map(({ name }) => name)));
  const rename = renaming(state, output.name);
  const classes = classesOf(output);
  const hasMicrosoft = state.nodes.some((node) => node.domain === 'com.microsoft');
  const bare: Model = {
    ...tail,
    irVersion: Math.max(tail.irVersion, 8),
    opsets: new Map([['', targetOpset(state.opset)], ...(hasMicrosoft ? [['com.microsoft', 1] as const] : [])]),
    graph: {
      ...graph,
      nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) })),
      inputs: [inFloat(input)],
      outputs: [{ ...inFloat(output), shape: isVectorOutput(output) ? [output.shape?.[0] ?? 'batch', classesOf(output)] : output.shape }],
    },
    functions: [],
  };
  const { nodes: rows, ...head } = findHead(bare, parameters, output.name, classes);
  const model: Model = { ...bare, graph: { ...bare.graph, nodes: [...bare.graph.nodes, ...rows] } };
  return {
    model,
    input: input.name,
    output: output.name,
    ...head,
    parameters: parameters.map(({ slots: _slots, ...parameter }) => parameter),
    origins,
    base: new Map(parameters.map(({ name }) => [name, graph.initializers.get(name) as Tensor])),
    activations: state.activations
      .map((activation) => ({ ...activation, tensor: renamed.get(activation.tensor) ?? activation.tensor }))
      .filter(({ tensor }) => trained.has(tensor))
      .map((activation) => ({ ...activation, tensor: rename(activation.tensor) })),
    absorbed,
  };
}

/** What only quantizes or passes on is nothing in float. */
function refuseEmpty(state: Dequantization, input: ValueInfo, output: ValueInfo): void {
  const name = floatName(state, output.name);
  if (state.initializers.has(name) || state.nodes.some(({ outputs }) => outputs.includes(name))) return;
  throw new WhetError(
    'model-unsupported',
    `the output '${output.name}' is the tail's input '${input.name}' again: there is nothing to train`,
    {
      hint: 'Cut before a layer that owns weights; `whet inspect` lists them.',
    },
  );
}

/** The float graph with its end in the form that learners take; `origins` learns where its parameters came from before that. */
function trainableEnd(state: Dequantization, origins: Map<string, ParameterOrigin>, output: ValueInfo) {
  const name = floatName(state, output.name);
  const classes = classesOf(output);
  const written: Graph = { ...state.graph, nodes: state.nodes, initializers: state.initializers, valueInfo: [] };
  for (const each of findParameters(written)) if (!origins.has(each.name)) origins.set(each.name, { kind: 'float', values: each.slots });
  // Scores one behind the other, whatever the shape; a tail whose output says less is left as it is.
  const ends = isVectorOutput(output)
    ? canonicalEnds(written, name, output.shape?.length === 2)
    : { graph: written, renamed: new Map<string, string>() };
  const graph = widenScalarBias({ graph: ends.graph, origins, classes }, name);
  const scaled = new Set(state.activations.map(({ tensor }) => tensor));
  return { ...absorbNormalization({ graph, origins, classes }, name, (tensor) => scaled.has(tensor)), renamed: ends.renamed };
}

/** Numbers that a model gives for one sample; null where its output does not say. */
function classesOf({ shape }: ValueInfo): number | null {
  const sizes = shape?.slice(1) ?? [null];
  return sizes.every((size) => typeof size === 'number' && size > 0) ? sizeOf(sizes as number[]) : null;
}

function isVectorOutput(output: ValueInfo): boolean {
  return classesOf(output) !== null && (output.shape ?? []).slice(1).filter((size) => size !== 1).length <= 1;
}

/** Tails are trained in float32, whatever float the model has. */
function inFloat(info: ValueInfo): ValueInfo {
  return { ...info, dtype: 'float32' };
}

/** Every tensor that changes when one of `names` does. */
function dependents(graph: Graph, names: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set(names);
  for (const node of graph.nodes) if (node.inputs.some((name) => found.has(name))) for (const name of node.outputs) found.add(name);
  return found;
}

/** The model's output may have been an alias of something float (its DequantizeLinear fell away): that gets the output's name. */
function renaming(state: Dequantization, output: string): (name: string) => string {
  const float = floatName(state, output);
  return (name) => (name === float ? output : name);
}
