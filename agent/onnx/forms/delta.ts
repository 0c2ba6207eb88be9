// What an adapted model has that its base has not: changed and new tensors, and the few places of the graph that follow them. Base and delta
// rebuild the artifact to the byte. Refuses to describe two models that differ in more (`internal`), and a delta that does not fit its base.
import { z } from 'zod';
import { WhetError } from '../../errors.ts';
import { encodeModel } from '../codec/encode.ts';
import { decodeSafeTensors, encodeSafeTensors } from '../codec/safetensors.ts';
import { type Graph, type Model, nodeKey, type Tensor, type ValueInfo } from '../ir.ts';
import { view } from '../view.ts';
import { sameTensor } from '../weights.ts';

const dimSchema = z.union([z.int().min(0), z.string().max(200), z.null()]);

const structureSchema = z.strictObject({
  /** Constants of the base that are gone. */
  removed: z.array(z.string().max(1000)).max(1000),
  /** Constant nodes of the base that are gone, by their output. */
  removedNodes: z.array(z.string().max(1000)).max(1000),
  /** Inputs of nodes that now read another constant; a node goes by its first output that is not left out. */
  inputs: z.array(z.strictObject({ node: z.string().max(1000), input: z.int().min(0).max(1000), name: z.string().max(1000) })).max(1000),
  /** New shapes of the model's outputs, in order; null where they stay. */
  outputs: z.array(z.union([z.array(dimSchema).max(16), z.null()])).max(16),
  /** Shape records of the base that no longer hold. */
  removedShapes: z.array(z.string().max(1000)).max(100_000),
});

type Structure = z.infer<typeof structureSchema>;

export interface TailDelta {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly structure: Structure;
}

/** Throws `internal` where the artifact differs from the base in anything that a delta cannot say. */
export function tailDelta(base: Model, artifact: Model): TailDelta {
  const before = base.graph;
  const after = artifact.graph;
  const isGone = (name: string) => before.initializers.has(name) && !after.initializers.has(name);
  const kept = new Set(after.nodes.map(nodeKey));
  const shapes = new Set(after.valueInfo.map((info) => info.name));
  const tensors = [...after.initializers].filter(([name, tensor]) => {
    const old = before.initializers.get(name);
    return old === undefined || !sameTensor(old, tensor);
  });
  const delta: TailDelta = {
    tensors: new Map(tensors),
    structure: {
      removed: [...before.initializers.keys()].filter(isGone),
      removedNodes: before.nodes.flatMap((node) => (kept.has(nodeKey(node)) ? [] : [nodeKey(node)])),
      inputs: changedInputs(before, after),
      outputs: before.outputs.map((info, index) => changedShape(info, after.outputs[index])),
      removedShapes: before.valueInfo.map((info) => info.name).filter((name) => !shapes.has(name)),
    },
  };
  const rebuilt = encodeModel(applyDelta(base, delta));
  if (Buffer.compare(rebuilt, encodeModel(artifact)) !== 0)
    throw new WhetError('internal', 'the artifact differs from its base in more than constants and what follows from them');
  return delta;
}

/** The artifact. Throws `weights-corrupt` where the delta names what the base does not have. */
export function applyDelta(base: Model, delta: TailDelta): Model {
  const { graph } = base;
  const { removed, removedNodes, inputs, outputs, removedShapes } = delta.structure;
  const initializers = new Map(graph.initializers);
  for (const name of removed) if (!initializers.delete(name)) throw misfit(`there is no constant '${name}'`);
  for (const [name, tensor] of delta.tensors) initializers.set(name, tensor);
  const renamed = new Map(inputs.map(({ node, input, name }) => [`${input}:${node}`, name]));
  const gone = new Set(removedNodes);
  const stale = new Set(removedShapes);
  const nodes = graph.nodes
    .filter((node) => !gone.has(nodeKey(node)))
    .map((node) => {
      const read = node.inputs.map((name, index) => take(renamed, `${index}:${nodeKey(node)}`) ?? name);
      return read.some((name, index) => name !== node.inputs[index]) ? { ...node, inputs: read } : node;
    });
  const [unused] = renamed.keys();
  if (unused !== undefined) throw misfit(`there is no input ${unused}`);
  return {
    ...base,
    graph: {
      ...graph,
      nodes,
      initializers,
      outputs: graph.outputs.map((info, index) => ({ ...info, shape: outputs[index] ?? info.shape })),
      valueInfo: graph.valueInfo.filter((info) => !stale.has(info.name)),
    },
  };
}

/** The delta as a safetensors file; its structure travels in the metadata. */
export function encodeDelta(delta: TailDelta, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  return encodeSafeTensors({ tensors: delta.tensors, metadata: { ...metadata, structure: JSON.stringify(delta.structure) } });
}

/** Hostile until it has passed: throws `weights-corrupt`. */
export function decodeDelta(bytes: Uint8Array): TailDelta & { readonly metadata: Readonly<Record<string, string>> } {
  const { tensors, metadata } = decodeSafeTensors(bytes);
  const { structure: text = '', ...rest } = metadata;
  const structure = structureSchema.safeParse(parseJson(text));
  if (!structure.success) throw misfit(`its structure is malformed: ${structure.error.issues[0]?.message ?? ''}`);
  return { tensors, structure: structure.data, metadata: rest };
}

function changedInputs(before: Graph, after: Graph): Structure['inputs'] {
  const old = view(before);
  return after.nodes.flatMap((node) =>
    node.inputs.flatMap((name, input) => (old.node(nodeKey(node))?.inputs[input] === name ? [] : [{ node: nodeKey(node), input, name }])),
  );
}

function changedShape(before: ValueInfo, after: ValueInfo | undefined): Structure['outputs'][number] {
  if (after === undefined || after.shape === null || String(before.shape) === String(after.shape)) return null;
  return [...after.shape];
}

function take(map: Map<string, string>, key: string): string | undefined {
  const found = map.get(key);
  map.delete(key);
  return found;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function misfit(what: string): WhetError {
  return new WhetError('weights-corrupt', `the weights do not fit the base model: ${what}`, {
    hint: 'Use the base model whose sha256 the manifest names.',
  });
}
