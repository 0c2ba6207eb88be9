// Splits a model at a cut into backbone and tail, both with a float32 tensor between them. Where the cut tensor is quantized, the backbone
// ends in a DequantizeLinear and the tail begins with the matching QuantizeLinear: that round trip is exact, because
// round((q − z)·s / s) + z = q for every 8-bit q.

import { intAttribute } from '../attributes.ts';
import { outputScale } from '../forms/forms.ts';
import { isFloat } from '../forms/quantized-values.ts';
import { isClippedByReaders } from '../forms/saturation.ts';
import { extract } from '../graph.ts';
import type { Dim, DType, Graph, Model, Node, ValueInfo } from '../ir.ts';
import { node, value } from '../made/build.ts';
import { is } from '../operator-traits.ts';
import { typeNumber, typeOf } from '../result-type.ts';
import { type GraphView, view } from '../view.ts';
import { classifierEnds } from './classifier-ends.ts';
import type { Cut } from './cut.ts';

export interface SplitModel {
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
  /** `output_dtype` of its QuantizeLinear, where the type stands there and not in a zero point. */
  readonly type: Node['attributes'];
}

/** What stands between a tensor of the model and float32 features: both ways, exact. */
interface Bridge {
  /** cut tensor → features. */
  readonly down: readonly Node[];
  /** features → cut tensor. */
  readonly up: readonly Node[];
}

/** A cut at the model's input puts every layer into the tail; the features are the input then. */
export function splitModel(model: Model, cut: Cut): SplitModel {
  const { input, output } = classifierEnds(model);
  const { graph } = model;
  const shape = cut.tensor === input.name ? input.shape : (graph.valueInfo.find((info) => info.name === cut.tensor)?.shape ?? null);
  const freed = freeBatch(shape);
  const out: ValueInfo = { ...output, shape: freeBatch(output.shape) };
  const features = `${cut.tensor}/features`;
  const seen = view(graph);
  const bridge = bridgeAt(seen, cut.tensor, features);
  if (bridge === null) {
    return {
      backbone: extract(model, [input], [value(cut.tensor, shape)]),
      tail: extract(model, [value(cut.tensor, freed)], [out]),
      features: cut.tensor,
      values: isClippedByReaders(seen, cut.tensor) ? 'free' : 'saturated',
    };
  }
  const backbone = { ...model, graph: { ...graph, nodes: [...graph.nodes, ...bridge.down] } };
  const tail = { ...model, graph: { ...graph, inputs: [], nodes: [...bridge.up, ...withoutProducer(graph, cut.tensor)] } };
  const isQuantized = bridge.down.some(({ op }) => op === 'DequantizeLinear');
  return {
    backbone: extract(backbone, [input], [value(features, shape)]),
    tail: extract(tail, [value(features, freed)], [out]),
    features,
    values: !isQuantized && isClippedByReaders(seen, cut.tensor) ? 'free' : 'saturated',
  };
}

/** null where the tensor itself is float32 and computed. */
function bridgeAt(seen: GraphView, tensor: string, features: string): Bridge | null {
  const scale = scaleOf(seen, tensor);
  const type = floatTypeOf(seen, scale === null ? tensor : scale.scale);
  const number = typeNumber(type);
  if (scale !== null) {
    const [stored, real] = [features, type === 'float32' ? features : `${features}/${type}`];
    const pair = [tensor, scale.scale, scale.zeroPoint];
    const down = [node('DequantizeLinear', pair, [real])];
    const up = [node('QuantizeLinear', [real, scale.scale, scale.zeroPoint], [tensor], scale.type)];
    if (real === stored) return { down, up };
    return { down: [...down, node('Cast', [real], [stored], { to: 1 })], up: [node('Cast', [stored], [real], { to: number }), ...up] };
  }
  if (type !== 'float32')
    return { down: [node('Cast', [tensor], [features], { to: 1 })], up: [node('Cast', [features], [tensor], { to: number })] };
  const isInput = seen.graph.inputs.some((info) => info.name === tensor);
  return isInput ? { down: [node('Identity', [tensor], [features])], up: [node('Identity', [features], [tensor])] } : null;
}

/** Type of a tensor that is not quantized, followed back to where it is said; float32 where it is not. */
function floatTypeOf(from: GraphView, tensor: string): DType {
  const seen = new Set<string>();
  const open = [tensor];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const constant = from.constant(name)?.dtype;
    const known = constant ?? from.graph.inputs.find((info) => info.name === name)?.dtype;
    const producer = from.producer(name);
    // Integers may be indices or lengths beside the values; only along operators that move values do they decide.
    if (known !== undefined && known !== null && (isFloat(known) || name === tensor)) return known;
    if (producer === undefined) continue;
    if (producer.op === 'Cast') return typeOf(intAttribute(producer, 'to', 1)) ?? 'float32';
    if (producer.op === 'DequantizeLinear') open.push(producer.inputs[1] ?? '');
    else open.push(...(is(producer, 'view', 'permutes', 'picks') ? producer.inputs.slice(0, 1) : [...producer.inputs].reverse()));
  }
  return 'float32';
}

/** The first dimension of what the tail sees is the batch, whatever the model was exported with. */
function freeBatch(shape: readonly Dim[] | null): readonly Dim[] | null {
  return shape === null || shape.length === 0 ? shape : ['batch', ...shape.slice(1)];
}

function withoutProducer(graph: Graph, tensor: string): readonly Node[] {
  return graph.nodes.filter((candidate) => !candidate.outputs.includes(tensor));
}

/** Scale and zero point of a tensor where it is quantized; null where it is float. */
export function scaleOf(seen: GraphView, tensor: string): Scale | null {
  let name = tensor;
  for (let producer = seen.producer(name); producer !== undefined; producer = seen.producer(name)) {
    const inputs = outputScale(producer.op);
    if (inputs !== null) {
      const wanted = producer.attributes.output_dtype;
      const type: Node['attributes'] = producer.op === 'QuantizeLinear' && wanted !== undefined ? { output_dtype: wanted } : {};
      return { scale: producer.inputs[inputs[0]] ?? '', zeroPoint: producer.inputs[inputs[1]] ?? '', type };
    }
    if (!is(producer, 'keeps-scale') || !reachesQuantizedReader(seen, tensor)) return null;
    name = producer.inputs[0] ?? '';
  }
  return null;
}

/** A mover passes float and quantized values alike; who reads the result tells which. */
function reachesQuantizedReader(seen: GraphView, tensor: string): boolean {
  const open = [tensor];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const reader of seen.readers(name)) {
      if (reader.op === 'DequantizeLinear' || reader.op.startsWith('QLinear') || reader.op === 'QGemm') return true;
      if (is(reader, 'keeps-scale')) open.push(...reader.outputs);
    }
  }
  return false;
}
