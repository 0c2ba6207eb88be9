// What of a prepared float model becomes 8-bit: which activations get a scale, whose range decides it, which Relus vanish into one, and which
// layers get integer weights. Pure; refuses a `from` or a `keepFloat` name that the model does not have.
import { WhetError } from '../../errors.ts';
import { unclippedEnds } from '../forms/saturation.ts';
import { reads, sorted } from '../graph.ts';
import type { Graph, Model, Node } from '../ir.ts';
import { is } from '../operator-traits.ts';
import { view } from '../view.ts';
import { type FloatLayer, floatLayer } from './float-layer.ts';

export interface PlanOptions {
  /** Everything before this tensor (an audio front end, say) stays float; it is the first to be quantized. The model's input unless told. */
  readonly from?: string;
  /** Names of nodes, or of tensors that they give, that stay float. */
  readonly keepFloat?: readonly string[];
}

export interface QuantizationPlan {
  /** The prepared float model. */
  readonly model: Model;
  /** Nodes in execution order. */
  readonly nodes: readonly Node[];
  /** Quantized activation → the tensor whose range gives its scale: itself, or what a Reshape, MaxPool … got it from. */
  readonly scaleOf: ReadonlyMap<string, string>;
  /** What a layer gives → what the Relu or Clip behind it gives; that node goes, and the quantizer's range does its work. */
  readonly fused: ReadonlyMap<string, string>;
  /** By the first output of the node. */
  readonly layers: ReadonlyMap<string, FloatLayer>;
}

/** Gives the values that it got, so that what it gives has the scale of what it got. A look-up may be anything's, and gets a scale of its own. */
function isMover(node: Node): boolean {
  return node.domain === '' && is(node, 'keeps-scale') && !is(node, 'looks-up');
}

export function planQuantization(model: Model, options: PlanOptions = {}): QuantizationPlan {
  const { graph } = model;
  const nodes = sorted(graph);
  const eligible = eligibleNodes(graph, nodes, options);
  const seen = view(graph);
  const ends = new Set(unclippedEnds(seen));
  const isActivation = (name: string) => name !== '' && !graph.initializers.has(name);
  const layers = new Map<string, FloatLayer>();
  for (const node of nodes) {
    const layer = eligible.has(node) && isActivation(node.inputs[0] ?? '') ? floatLayer(seen, node) : null;
    if (layer !== null) layers.set(node.outputs[0] ?? '', layer);
  }
  const isInteger = (node: Node) =>
    eligible.has(node) &&
    node.domain === '' &&
    is(node, 'in-integers') &&
    (layers.has(node.outputs[0] ?? '') || node.inputs.every((name) => name === '' || isActivation(name)));
  const start = options.from ?? graph.inputs[0]?.name ?? '';
  const added = new Set([...layers.values()].flatMap(({ addition, node }) => (addition === null ? [] : [node.outputs[0] ?? ''])));
  const bias = new Set([...layers.values()].flatMap(({ addition }) => (addition === null ? [] : [addition])));
  const scaleOf = new Map<string, string>();
  const visit = (name: string, producer: Node | null) => {
    // The result of a MatMul waits for its Add; logits and probabilities stay float.
    if (!isActivation(name) || ends.has(name) || added.has(name)) return;
    const source = producer !== null && isMover(producer) ? scaleOf.get(producer.inputs[0] ?? '') : undefined;
    const isRead = seen.readers(name).some(isInteger);
    const isGiven = producer !== null && (isInteger(producer) || bias.has(producer));
    if (source !== undefined && producer !== null) scaleOf.set(name, source);
    else if (isRead || isGiven) scaleOf.set(name, name);
  };
  const readable = seen.readers(start).some((node) => eligible.has(node));
  if (readable) visit(start, null);
  const fused = new Map<string, string>();
  for (const node of nodes) {
    if (!eligible.has(node)) continue;
    const before = node.inputs[0] ?? '';
    const producer = seen.producer(before);
    const onlyReader = seen.readers(before).length === 1;
    const isFusable =
      isRectifier(graph, node) && onlyReader && producer !== undefined && eligible.has(producer) && scaleOf.get(before) === before;
    for (const name of node.outputs) {
      if (isFusable && !ends.has(name)) {
        scaleOf.delete(before);
        scaleOf.set(name, name);
        fused.set(before, name);
      } else visit(name, node);
    }
  }
  for (const [name, layer] of layers) if (!scaleOf.has(layer.input)) layers.delete(name);
  if (layers.size === 0)
    throw new WhetError('model-unsupported', 'no layer of the model can be quantized', {
      hint: 'Conv, ConvTranspose, Gemm and MatMul with constant float weights are; see `from` and `keepFloat`.',
    });
  return { model, nodes, scaleOf, fused, layers };
}

/** Tensors whose ranges `quantizeModel` asks for. */
export function rangedTensors(plan: QuantizationPlan): readonly string[] {
  return [...new Set(plan.scaleOf.values())];
}

/** Nodes behind `from` that are not to be kept float. */
function eligibleNodes(graph: Graph, nodes: readonly Node[], { from, keepFloat = [] }: PlanOptions): ReadonlySet<Node> {
  const named = (node: Node) => [node.name, ...node.outputs].filter((name) => name !== '');
  const known = new Set(nodes.flatMap(named));
  const unknown = keepFloat.find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new WhetError('model-unsupported', `the model has no node and no computed tensor '${unknown}' to keep float`, {
      hint: 'Names are those that `whet inspect` and model viewers show; constants and what was folded away have none.',
    });
  const start = from ?? graph.inputs[0]?.name ?? '';
  if (from !== undefined && !known.has(from) && graph.inputs.every(({ name }) => name !== from))
    throw new WhetError('model-unsupported', `the model has no tensor '${from}' to quantize from`);
  const behind = new Set([start]);
  const eligible = new Set<Node>();
  for (const node of nodes) {
    if (!reads(node).some((name) => behind.has(name))) continue;
    for (const name of node.outputs) behind.add(name);
    if (!named(node).some((name) => keepFloat.includes(name))) eligible.add(node);
  }
  return eligible;
}

/** Relu, or a Clip whose lower end is 0: what a range that begins at zero does by itself. */
function isRectifier(graph: Graph, node: Node): boolean {
  if (node.domain !== '') return false;
  if (node.op === 'Relu') return true;
  if (node.op !== 'Clip') return false;
  const [, low = '', high = ''] = node.inputs;
  const least = graph.initializers.get(low)?.data[0];
  const most = graph.initializers.get(high)?.data[0];
  return Number(least) === 0 && (high === '' || Number(most) > 0);
}
