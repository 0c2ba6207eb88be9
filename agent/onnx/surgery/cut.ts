// Finds the cut: the one tensor that every path from input to output crosses, nearest at or before the wanted layer, on the float side of
// a quantized pattern. Refuses models that are not single-input classifiers, and cuts that do not exist, naming those that do.
import { WhetError } from '../../errors.ts';
import { isClippedByReaders } from '../forms/saturation.ts';
import { neededNodes, reads, sorted } from '../graph.ts';
import { type Graph, type Model, type Node, nodeKey } from '../ir.ts';
import { view } from '../view.ts';
import { batchAxes } from './batch-axis.ts';
import { classifierEnds } from './classifier-ends.ts';
import { type Layer, listLayers } from './layers.ts';

export type CutWish = { readonly kind: 'layers'; readonly layers: number } | { readonly kind: 'tensor'; readonly tensor: string };

export interface Cut {
  readonly tensor: string;
  /** Layers with weights behind the cut, the one nearest to the output first. */
  readonly layers: readonly Layer[];
  /** Why the cut is not where it was wanted; null where it is. */
  readonly note: string | null;
}

interface Candidate {
  readonly tensor: string;
  /** Index of the node that computes it; -1 for the model's input. */
  readonly index: number;
}

export function findCut(model: Model, wish: CutWish): Cut {
  classifierEnds(model);
  const axes = batchAxes(model.graph);
  // Features are stored by sample: a tensor that has time first is no place to cut.
  const candidates = listCandidates(model.graph).filter(({ tensor }) => (axes.get(tensor) ?? 0) === 0);
  const layers = listLayers(model);
  if (layers.length === 0)
    throw new WhetError('model-unsupported', 'the model has no layer with weights', {
      hint: 'Whetstone trains Gemm, MatMul and Conv layers.',
    });
  return wish.kind === 'tensor' ? atTensor(model, candidates, layers, wish.tensor) : atLayer(model, candidates, layers, wish.layers);
}

/**
 * Tensors that every path crosses, from the input on. Walking in execution order, a tensor is such a place when it is the only value
 * computed so far that anything later (or the output) still needs.
 */
export function listCandidates(graph: Graph): readonly Candidate[] {
  const nodes = sorted(graph);
  // A branch that leads nowhere must not keep a tensor alive.
  const { nodes: needed } = neededNodes(
    graph,
    graph.outputs.map((output) => output.name),
  );
  const lastRead = new Map<string, number>();
  for (const [index, node] of nodes.entries()) if (needed.has(node)) for (const name of reads(node)) lastRead.set(name, index);
  for (const output of graph.outputs) lastRead.set(output.name, nodes.length);
  const live = new Set(graph.inputs.map((input) => input.name));
  const depends = new Set(live);
  const found: Candidate[] = [];
  const note = (index: number) => {
    const [only] = live;
    if (live.size === 1 && only !== undefined && found.at(-1)?.tensor !== only) found.push({ tensor: only, index });
  };
  note(-1);
  for (const [index, node] of nodes.entries()) {
    if (!needed.has(node) || !reads(node).some((name) => depends.has(name))) continue;
    for (const name of node.outputs) {
      if (name === '') continue;
      depends.add(name);
      if (lastRead.has(name)) live.add(name);
    }
    for (const name of live) if ((lastRead.get(name) ?? -1) <= index) live.delete(name);
    note(index);
  }
  return found;
}

function atLayer(model: Model, candidates: readonly Candidate[], layers: readonly Layer[], count: number): Cut {
  const wanted = layers[Math.min(count, layers.length) - 1] as Layer;
  const at = candidates.findLastIndex((candidate) => candidate.index < wanted.index);
  const cut = floatSide(model.graph, candidates, at);
  const inside = layersAfter(layers, cut);
  if (cut.index < 0) refuseSingle(layers, inside);
  const isInside = isTimeFirst(model.graph, wanted.node);
  const all = `${layers.length} ${layers.length === 1 ? 'layer' : 'layers'}`;
  const capped = count > layers.length ? `the model has ${all} with weights, not ${count}` : '';
  const moved =
    inside.length > Math.min(count, layers.length)
      ? `no single tensor separates exactly ${count} ${count === 1 ? 'layer' : 'layers'} (${isInside ? 'the cut would lie inside a recurrent layer, where time comes first, at' : 'branches run beside'} '${wanted.node.name || wanted.node.op}'); the nearest before it leaves ${inside.length}`
      : '';
  return { tensor: cut.tensor, layers: inside, note: [capped, moved].filter((part) => part !== '').join('; ') || null };
}

function atTensor(model: Model, candidates: readonly Candidate[], layers: readonly Layer[], tensor: string): Cut {
  const at = candidates.findIndex((candidate) => candidate.tensor === tensor);
  if (at < 0) {
    requireOutside(model.graph, tensor);
    const exists = view(model.graph).producer(tensor) !== undefined || model.graph.initializers.has(tensor);
    throw new WhetError(
      'cut-impossible',
      exists ? `some path from input to output does not cross tensor '${tensor}'` : `the model has no tensor '${tensor}'`,
      { hint: hintOf(candidates, layers) },
    );
  }
  const inside = layersAfter(layers, candidates[at] as Candidate);
  if ((candidates[at] as Candidate).index < 0) refuseSingle(layers, inside);
  if (inside.length === 0)
    throw new WhetError('cut-impossible', `no layer with weights stands behind tensor '${tensor}'`, {
      hint: 'Choose a tensor nearer to the input.',
    });
  return { tensor, layers: inside, note: null };
}

/** A cut at the input makes a tail of the whole model; a single layer without anything before it is no model to adapt. */
function refuseSingle(layers: readonly Layer[], inside: readonly Layer[]): void {
  if (inside.length > 1) return;
  const [only] = layers;
  throw new WhetError('cut-impossible', `'${only?.node.name || only?.node.op}' reads the model's input: nothing would stay frozen`, {
    hint: 'Take a model with a layer more; one that is a single layer is trained where it was made.',
  });
}

function hintOf(candidates: readonly Candidate[], layers: readonly Layer[]): string {
  const names = candidates.flatMap((each) => (layersAfter(layers, each).length > (each.index < 0 ? 1 : 0) ? [each.tensor] : []));
  return names.length === 0
    ? 'No tensor of this model works.'
    : `Tensors that work, the last ones first: ${names.reverse().slice(0, 12).join(', ')}`;
}

/** Whether a layer reads a tensor that has the batch behind another axis. */
function isTimeFirst(graph: Graph, node: Node): boolean {
  const axes = batchAxes(graph);
  return node.inputs.some((name) => (axes.get(name) ?? 0) > 0);
}

/** Throws `cut-impossible` for a tensor that has time first, or that only the body of a loop has. */
function requireOutside(graph: Graph, tensor: string): void {
  const axis = batchAxes(graph).get(tensor) ?? 0;
  const hint = 'Cut before or behind the recurrent layer; `whet inspect` shows the cut of each number of layers.';
  if (axis > 0) {
    throw new WhetError('cut-impossible', `tensor '${tensor}' lies inside a recurrent layer: its batch is axis ${axis}, not the first`, {
      hint,
    });
  }
  const loop = graph.nodes.find((node) =>
    Object.values(node.attributes).some(
      (each) => each.kind === 'graph' && each.value.nodes.some(({ outputs }) => outputs.includes(tensor)),
    ),
  );
  if (loop !== undefined)
    throw new WhetError('cut-impossible', `tensor '${tensor}' lies inside the body of ${loop.op} '${loop.name || nodeKey(loop)}'`, {
      hint,
    });
}

function layersAfter(layers: readonly Layer[], cut: Candidate): readonly Layer[] {
  return layers.filter((layer) => layer.index > cut.index);
}

/**
 * Steps back over QuantizeLinear (and its DequantizeLinear), so that the whole quantized pattern lies in the tail and features are float.
 * Where the quantizer is also the activation (a folded Relu), the cut stays behind its DequantizeLinear: features are what the layer sees.
 */
function floatSide(graph: Graph, candidates: readonly Candidate[], start: number): Candidate {
  const seen = view(graph);
  const from = candidates[Math.max(start, 0)] as Candidate;
  const producer = seen.producer(from.tensor);
  const quantizer = producer?.op === 'DequantizeLinear' ? seen.producer(producer.inputs[0] ?? '') : producer;
  if (quantizer?.op !== 'QuantizeLinear') return from;
  const before = quantizer.inputs[0] ?? '';
  if (producer?.op === 'DequantizeLinear' && isClippedByReaders(seen, before)) return from;
  return candidates.find((candidate) => candidate.tensor === before) ?? from;
}
