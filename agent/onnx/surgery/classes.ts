// Changes the number of classes of a float tail, and then of the whole model: rows of the head are kept, copied or zeroed. Refuses tails in
// which something behind the head depends on the number of classes, other than elementwise operators and softmax.
import { WhetError } from '../../errors.ts';
import { numbers } from '../forms/quantized-values.ts';
import { nodeOf, type SlotWrite, writeSlots } from '../forms/slots.ts';
import { type Graph, type Model, type Node, nodeKey, sizeOf, type Tensor, type ValueInfo } from '../ir.ts';
import { ints } from '../made/build.ts';
import { is } from '../operator-traits.ts';
import { type GraphView, view } from '../view.ts';
import type { FloatTail, LinearHead } from './tail.ts';

/** A tail with mapping.length classes: row i of its head is the base's row mapping[i], or zero where that is null. */
export function withClasses(tail: FloatTail, mapping: readonly (number | null)[]): FloatTail {
  const { head } = tail;
  if (head === null)
    throw new WhetError('model-unsupported', 'the classes cannot be changed: the last layer with weights is not a linear layer', {
      hint: 'Use --classes keep.',
    });
  if (mapping.length === 0 || mapping.some((from) => from !== null && !(Number.isInteger(from) && from >= 0 && from < head.classes)))
    throw new WhetError('internal', `a class mapping must name rows 0 to ${head.classes - 1} or null, not [${mapping}]`);
  if (tail.single !== undefined && mapping.length !== 2)
    throw new WhetError('model-unsupported', `the model gives one score, which holds two classes and not ${mapping.length}`, {
      hint: 'Use --classes keep, or --classes replace with two folders; for more classes take a model that gives one score a class.',
    });
  const { graph } = tail.model;
  const initializers = new Map(graph.initializers);
  const weight = initializers.get(head.weight) as Tensor;
  initializers.set(head.weight, pickRows(weight, classAxis(head, weight.dims), mapping));
  if (head.bias !== null) {
    const bias = initializers.get(head.bias) as Tensor;
    initializers.set(head.bias, pickRows(bias, Math.max(0, bias.dims.lastIndexOf(head.classes)), mapping));
  }
  const resized = resize({ ...graph, initializers }, head.weight, head, mapping.length, 'refuse');
  const dims = (name: string) => initializers.get(name)?.dims ?? [];
  return {
    ...tail,
    model: { ...tail.model, graph: { ...resized, outputs: resized.outputs.map((info) => withLast(info, head.classes, mapping.length)) } },
    parameters: tail.parameters.map((parameter) =>
      parameter.name === head.weight || parameter.name === head.bias ? { ...parameter, dims: dims(parameter.name) } : parameter,
    ),
    head: { ...head, classes: mapping.length },
  };
}

/** The axis of the classes in what is stored, which may have more dimensions than the matrix that it is. */
export function classAxis(head: LinearHead, dims: readonly number[]): number {
  const isReal = (dim: number) => dim !== 1;
  const outer = head.layout === 'out-in' ? dims.findIndex(isReal) : dims.findLastIndex(isReal);
  if (dims[outer] === head.classes) return outer;
  if (head.classes === 1) return head.layout === 'out-in' ? 0 : dims.length - 1;
  throw new WhetError('model-unsupported', `the classes cannot be changed: the weight '${head.weight}' is stored as [${dims}]`, {
    hint: 'Use --classes keep, or export the model with a weight of two dimensions.',
  });
}

/** The whole model follows its tail: Reshape constants and shape records behind the head, and the output's shape. */
export function withOutputClasses(model: Model, tail: FloatTail): Model {
  const { head } = tail;
  if (head === null) return model;
  const stored = tail.base.get(head.weight)?.dims ?? [];
  const old = stored.reduce((product, dim) => product * dim, 1) / head.width;
  const origin = tail.origins.get(head.weight);
  if (old === head.classes || origin === undefined || origin.kind === 'int32-bias') return model;
  const slot = origin.kind === 'float' ? origin.values[0] : origin.value;
  const start = slot === undefined ? '' : (nodeOf(view(model.graph), slot).inputs[slot.input] ?? '');
  const graph = resize(model.graph, start, { ...head, classes: old }, head.classes, 'trust');
  return { ...model, graph: { ...graph, outputs: graph.outputs.map((info) => withLast(info, old, head.classes)) } };
}

/**
 * Rewrites what is written for the old number of classes between the stored weight, the head and the output, drops stale shape records, and
 * refuses the rest. `weight` is the constant from which the walk begins.
 */
function resize(graph: Graph, weight: string, head: LinearHead, classes: number, dependence: 'refuse' | 'trust'): Graph {
  const seen = view(graph);
  const stale = new Set<string>();
  const writes: SlotWrite[] = [];
  /** Names that hold the weight on its way into the layer. */
  const weights = new Set([weight]);
  const open = [weight];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const reader of seen.readers(name)) {
      const isBefore: boolean = weights.has(name) && is(reader, 'view', 'permutes', 'converts');
      const shape = reader.op === 'Reshape' ? seen.constant(reader.inputs[1]) : null;
      if (shape !== null) {
        const dims = Array.from(numbers(shape));
        const at = isBefore && head.layout === 'out-in' ? 0 : dims.lastIndexOf(head.classes);
        if (dims[at] === head.classes)
          writes.push({ slot: { node: nodeKey(reader), input: 1 }, value: ints(dims.with(at, classes), shape.dims) });
      } else if (dependence === 'refuse' && !weights.has(name)) refuseDependent(seen, reader, head);
      const fresh = reader.outputs.filter((output) => !stale.has(output));
      open.push(...fresh);
      for (const output of fresh) stale.add(output);
      if (isBefore) for (const output of fresh) weights.add(output);
    }
  }
  const resized = writeSlots(graph, writes);
  return { ...resized, valueInfo: resized.valueInfo.filter((info) => !stale.has(info.name)) };
}

function refuseDependent(seen: GraphView, node: Node, head: LinearHead): void {
  const isBound = node.inputs.some((name) => name !== head.bias && (seen.constant(name)?.dims.at(-1) ?? 1) !== 1);
  if (is(node, 'any-classes') || (is(node, 'any-classes-with-number') && !isBound)) return;
  throw new WhetError(
    'model-unsupported',
    `the classes cannot be changed: ${node.op} '${node.name || nodeKey(node)}' behind the last layer is made for ${head.classes} classes`,
    { hint: 'Use --classes keep, or export the model so that it ends in the last linear layer, with or without a softmax.' },
  );
}

export function pickRows(tensor: Tensor, axis: number, mapping: readonly (number | null)[]): Tensor {
  const old = tensor.data as Float32Array;
  const size = tensor.dims[axis] ?? 1;
  const inner = sizeOf(tensor.dims.slice(axis + 1));
  const outer = sizeOf(tensor.dims.slice(0, axis));
  const data = new Float32Array(outer * mapping.length * inner);
  for (let block = 0; block < outer; block++) {
    for (const [to, from] of mapping.entries()) {
      if (from === null) continue;
      const start = (block * size + from) * inner;
      data.set(old.subarray(start, start + inner), (block * mapping.length + to) * inner);
    }
  }
  return { dtype: 'float32', dims: tensor.dims.map((dim, at) => (at === axis ? mapping.length : dim)), data };
}

/** The shape of an output whose classes became others: where the old number stands, else at the end. */
function withLast(info: ValueInfo, old: number, classes: number): ValueInfo {
  if (info.shape === null || info.shape.length === 0) return info;
  const at = info.shape.lastIndexOf(old);
  return { ...info, shape: info.shape.with(at > 0 ? at : info.shape.length - 1, classes) };
}
