// Splits a model at a cut into backbone and tail, both with a float32 tensor between them. Where the cut tensor is quantized, the backbone
// ends in a DequantizeLinear and the tail begins with the matching QuantizeLinear: that round trip is exact, because
// round((q − z)·s / s) + z = q for every 8-bit q.
import { WhetError } from '../errors.ts';
import { node, value } from './build.ts';
import { type Cut, classifierEnds } from './cut.ts';
import { consumers, extract, producers } from './graph.ts';
import type { Dim, Graph, Model, Node, ValueInfo } from './ir.ts';
import { movers } from './quantized-movers.ts';
import { isClippedByReaders } from './saturation.ts';

export interface Split {
  /** Model input → features. */
  readonly backbone: Model;
  /** Features → model output, still quantized. Its first dimension is free where the graph allows. */
  readonly tail: Model;
  /** Name of the float32 tensor between them. */
  readonly features: string;
  /** 'free' where the tail's first quantizer clips them like a Relu; for `dequantizeTail`. */
  readonly values: 'saturated' | 'free';
}

/** Scale and zero point of a quantized tensor, as names in the graph. */
interface Scale {
  readonly scale: string;
  readonly zeroPoint: string;
}

export function splitModel(model: Model, cut: Cut): Split {
  const { input, output } = classifierEnds(model);
  const { graph } = model;
  const scale = scaleOf(graph, cut.tensor);
  const shape = graph.valueInfo.find((info) => info.name === cut.tensor)?.shape ?? null;
  const freed = freeBatch(shape);
  const out: ValueInfo = { ...output, shape: freeBatch(output.shape) };
  if (cut.tensor === input.name) {
    throw new WhetError('cut-impossible', `the cut would be at the model's input '${input.name}': every layer would be in the tail`, {
      hint: 'Ask for fewer layers.',
    });
  }
  if (scale === null) {
    return {
      backbone: extract(model, [input], [value(cut.tensor, shape)]),
      tail: extract(model, [value(cut.tensor, freed)], [out]),
      features: cut.tensor,
      values: isClippedByReaders(graph, cut.tensor) ? 'free' : 'saturated',
    };
  }
  const features = `${cut.tensor}/features`;
  const dequantize = node('DequantizeLinear', [cut.tensor, scale.scale, scale.zeroPoint], [features]);
  const quantize = node('QuantizeLinear', [features, scale.scale, scale.zeroPoint], [cut.tensor]);
  const backbone = { ...model, graph: { ...graph, nodes: [...graph.nodes, dequantize] } };
  const tail = { ...model, graph: { ...graph, nodes: [quantize, ...withoutProducer(graph, cut.tensor)] } };
  return {
    backbone: extract(backbone, [input], [value(features, shape)]),
    tail: extract(tail, [value(features, freed)], [out]),
    features,
    values: 'saturated',
  };
}

/** The first dimension of what the tail sees is the batch, whatever the model was exported with. */
function freeBatch(shape: readonly Dim[] | null): readonly Dim[] | null {
  return shape === null || shape.length === 0 ? shape : ['batch', ...shape.slice(1)];
}

function withoutProducer(graph: Graph, tensor: string): readonly Node[] {
  return graph.nodes.filter((candidate) => !candidate.outputs.includes(tensor));
}

/** Operators whose output is quantized, and which of their inputs are its scale and zero point. */
const outputScale: Readonly<Record<string, readonly [number, number]>> = {
  QuantizeLinear: [1, 2],
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
};

/** Scale and zero point of a tensor where it is quantized; null where it is float. */
export function scaleOf(graph: Graph, tensor: string): Scale | null {
  const produced = producers(graph);
  let name = tensor;
  for (let producer = produced.get(name); producer !== undefined; producer = produced.get(name)) {
    const inputs = outputScale[producer.op];
    if (inputs !== undefined) return { scale: producer.inputs[inputs[0]] ?? '', zeroPoint: producer.inputs[inputs[1]] ?? '' };
    if (!movers.has(producer.op) || !reachesQuantizedReader(graph, tensor)) return null;
    name = producer.inputs[0] ?? '';
  }
  return null;
}

/** A mover passes float and quantized values alike; who reads the result tells which. */
function reachesQuantizedReader(graph: Graph, tensor: string): boolean {
  const readers = consumers(graph);
  const open = [tensor];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const reader of readers.get(name) ?? []) {
      if (reader.op === 'DequantizeLinear' || reader.op.startsWith('QLinear') || reader.op === 'QGemm') return true;
      if (movers.has(reader.op)) open.push(...reader.outputs);
    }
  }
  return false;
}
