// Old operator semantics → those of opset 17 or newer, one node at a time, so that gradient rules need one form only. Takes a float node
// with its opset, gives the nodes that stand for it; refuses what has no exact counterpart.

import { intAttribute, stringAttribute } from '../attributes.ts';
import { int64s } from '../codec/int64.ts';
import { constant, type Dequantization, madeBy, unsupported } from '../forms/dequantization.ts';
import { numbers } from '../forms/quantized-values.ts';
import type { Attribute, Node, Tensor } from '../ir.ts';
import { node as build, floats, ints } from '../made/build.ts';
import { is } from '../operator-traits.ts';
import type { GraphView } from '../view.ts';
import { batchAxes } from './batch-axis.ts';

/** The opset of the float tail: at least 17, and never older than what the nodes were written for. */
export function targetOpset(opset: number): number {
  return Math.max(17, opset);
}

export function modernizeNode(state: Dequantization, node: Node): readonly Node[] {
  const { opset } = state;
  if (Object.values(node.attributes).some(({ kind }) => kind === 'graph'))
    throw unsupported(node, 'it holds a graph of its own, which cannot be trained through');
  if (node.domain !== '' && !is(node, 'trained-microsoft'))
    throw unsupported(node, `operators of the domain '${node.domain}' cannot be trained`);
  if (node.attributes.broadcast !== undefined)
    throw unsupported(node, 'it uses the broadcasting of opset 6 and older', 'Export the model with opset 7 or newer.');
  switch (node.op) {
    case 'Softmax':
    case 'LogSoftmax':
    case 'Hardmax':
      return opset >= 13 ? [node] : flatSoftmax(state, node);
    case 'Squeeze':
    case 'Unsqueeze':
    case 'ReduceSum':
      return opset >= 13 ? [node] : [listToInput(state, node, 'axes')];
    case 'Clip':
      return opset >= 11 ? [node] : [limitsToInputs(state, node)];
    case 'Slice':
      return opset >= 10 ? [node] : [sliceToInputs(state, node)];
    case 'Pad':
      return opset >= 11 ? [node] : [padToInputs(state, node)];
    case 'Split':
      return opset >= 13 ? [node] : [listToInput(state, node, 'split')];
    case 'Scatter':
      return [{ ...node, op: 'ScatterElements' }];
    case 'Upsample':
      return [upsampleToResize(state, node)];
    case 'Resize':
      return opset >= 11 ? [oneMeasure(state, node)] : oldResize(state, node);
    case 'TopK':
      return opset >= 10 ? [node] : [countToInput(state, node)];
    case 'RoiAlign':
      return opset >= 16 ? [node] : [withMode(node, 'output_half_pixel')];
    case 'Dropout':
      return [opset >= 12 ? node : oldDropout(node)];
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return [freeRecurrent(state, node)];
    case 'BatchNormalization':
      return [inferenceNormalization(node)];
    case 'Reshape':
      return [freeReshape(state, node)];
    default:
      if (opset < 17 && withoutSuccessor.has(node.op))
        throw unsupported(node, `opset ${targetOpset(opset)} has no such operator`, 'Export the model with opset 17 or newer.');
      if (opset < 9 && node.op === 'Scan') throw unsupported(node, 'it scans as opset 8 did', 'Export the model with opset 9 or newer.');
      return [node];
  }
}

/** Operators of old models that the runtime still takes there, and that no newer opset has. */
const withoutSuccessor = new Set([
  ...['Affine', 'ATen', 'ConstantFill', 'Crop', 'DynamicSlice', 'GivenTensorFill', 'GRUUnit', 'ImageScaler', 'ParametricSoftplus'],
  ...['Scale', 'ScaledTanh'],
]);

/**
 * Before opset 13 Softmax (and Hardmax) took everything from `axis` on as one dimension. That is the last axis where it is the last one; otherwise the
 * flattening is written out.
 */
function flatSoftmax(state: Dequantization, node: Node): readonly Node[] {
  const axis = intAttribute(node, 'axis', 1);
  const last = { axis: { kind: 'int', value: -1 } } as const;
  if (axis === -1 || (axis === 1 && isMatrix(state, node))) return [{ ...node, attributes: last }];
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  return [
    build('Shape', [x], [`${y}/shape`]),
    build('Flatten', [x], [`${y}/flat`], { axis }),
    { ...node, inputs: [`${y}/flat`], outputs: [`${y}/rows`], attributes: last },
    build('Reshape', [`${y}/rows`, `${y}/shape`], [y]),
  ];
}

/** Whether a node's result surely has two dimensions: a classifier's output has, and what linear layers and Flatten give. */
function isMatrix(state: Dequantization, node: Node): boolean {
  const output = throughQuantizers(state, node.outputs[0] ?? '');
  if (state.graph.outputs.some((info) => info.name === output && info.shape?.length === 2)) return true;
  const producer = madeBy(state, node.inputs[0] ?? '');
  return producer?.op === 'Gemm' || (producer?.op === 'Flatten' && intAttribute(producer, 'axis', 1) === 1);
}

/** The tensor that a name becomes behind QuantizeLinear and DequantizeLinear, which keep its shape. */
function throughQuantizers(state: Dequantization, name: string): string {
  const reader = state.seen.readers(name).find((node) => node.inputs[0] === name);
  const isQuantizer = reader?.op === 'QuantizeLinear' || reader?.op === 'DequantizeLinear';
  return isQuantizer ? throughQuantizers(state, reader.outputs[0] ?? '') : name;
}

function without(node: Node, ...names: readonly string[]): Readonly<Record<string, Attribute>> {
  return Object.fromEntries(Object.entries(node.attributes).filter(([name]) => !names.includes(name)));
}

function intsOf(list: Extract<Attribute, { kind: 'ints' }>): Tensor {
  return { dtype: 'int64', dims: [list.value.length], data: int64s(list) };
}

/** Adds an initializer under a name of the node's own and gives that name. */
function addInput(state: Dequantization, node: Node, what: string, value: Tensor): string {
  const name = `${node.outputs[0]}/${what}`;
  state.initializers.set(name, value);
  return name;
}

/** An attribute that later became the second input. */
function listToInput(state: Dequantization, node: Node, name: string): Node {
  const list = node.attributes[name];
  if (list?.kind !== 'ints') return node;
  return { ...node, inputs: [node.inputs[0] ?? '', addInput(state, node, name, intsOf(list))], attributes: without(node, name) };
}

function padToInputs(state: Dequantization, node: Node): Node {
  const [pads, value] = [node.attributes.pads, node.attributes.value];
  const inputs = [node.inputs[0] ?? '', addInput(state, node, 'pads', pads?.kind === 'ints' ? intsOf(pads) : ints([]))];
  if (value?.kind === 'float') inputs.push(addInput(state, node, 'value', floats([], [value.value])));
  return { ...node, inputs, attributes: without(node, 'pads', 'value') };
}

/** Opset 7 has the scales as an attribute, opset 9 as an input. */
function upsampleToResize(state: Dequantization, node: Node): Node {
  const scales = node.attributes.scales;
  const input = scales?.kind === 'floats' ? addInput(state, node, 'scales', floats([scales.value.length], scales.value)) : node.inputs[1];
  return scalesToResize(node, input ?? '');
}

/** Places were those of x divided by the scale, and the nearest one was the one before. */
function scalesToResize(node: Node, scales: string): Node {
  const mode = stringAttribute(node, 'mode', 'nearest');
  const form = { mode, coordinate_transformation_mode: 'asymmetric', ...(mode === 'nearest' ? { nearest_mode: 'floor' } : {}) };
  return build('Resize', [node.inputs[0] ?? '', '', scales], node.outputs, form, { name: node.name });
}

/**
 * Opset 10 rounds to the nearest place before where an axis grows, and to the one behind where it shrinks. Axes are independent, so a node that
 * does both becomes two; scales that are computed are divided alike.
 */
function oldResize(state: Dequantization, node: Node): readonly Node[] {
  const [x = '', scales = ''] = node.inputs;
  const grown = scalesToResize(node, scales);
  if (grown.attributes.nearest_mode === undefined) return [grown];
  const toCeil = (each: Node): Node => ({ ...each, attributes: { ...each.attributes, nearest_mode: { kind: 'string', value: 'ceil' } } });
  const value = constant(state, scales);
  const list = value === null ? null : Array.from(numbers(value));
  if (list?.every((scale) => scale >= 1)) return [grown];
  if (list?.every((scale) => scale <= 1)) return [toCeil(grown)];
  const [one, small] = [addInput(state, node, 'one', floats([1], [1])), `${node.outputs[0]}/smaller`];
  const [down, up] = [`${node.outputs[0]}/down`, `${node.outputs[0]}/up`];
  return [
    build('Min', [scales, one], [down]),
    build('Max', [scales, one], [up]),
    { ...toCeil(grown), inputs: [x, '', down], outputs: [small] },
    { ...grown, inputs: [small, '', up] },
  ];
}

/** Opsets 11 and 12 want scales beside sizes, and empty ones; later ones take only one of the two. */
function oneMeasure(state: Dequantization, node: Node): Node {
  const [x = '', region = '', , sizes = ''] = node.inputs;
  return state.opset >= 13 || sizes === '' ? node : { ...node, inputs: [x, region, '', sizes] };
}

/** Its share was an attribute, and its mask is not told at inference. */
function oldDropout(node: Node): Node {
  if ((node.outputs[1] ?? '') !== '') throw unsupported(node, 'its mask is read', 'Export the model with opset 12 or newer.');
  return { ...node, attributes: without(node, 'ratio', 'is_test', 'consumed_inputs') };
}

/** How many TopK takes was an attribute. */
function countToInput(state: Dequantization, node: Node): Node {
  const k = intAttribute(node, 'k', 1);
  return { ...node, inputs: [node.inputs[0] ?? '', addInput(state, node, 'k', ints([k]))], attributes: without(node, 'k') };
}

/** RoiAlign got its half pixel with opset 16. */
function withMode(node: Node, mode: string): Node {
  return { ...node, attributes: { ...node.attributes, coordinate_transformation_mode: { kind: 'string', value: mode } } };
}

/** First values that are constant zeros have the batch of the export: without them any batch begins with zeros. */
function freeRecurrent(state: Dequantization, node: Node): Node {
  const isZero = (name: string) => {
    const value = constant(state, name);
    return value !== null && Array.from(numbers(value)).every((element) => element === 0);
  };
  return { ...node, inputs: node.inputs.map((name, index) => ((index === 5 || index === 6) && isZero(name) ? '' : name)) };
}

function limitsToInputs(state: Dequantization, node: Node): Node {
  const limit = (name: 'min' | 'max') => {
    const value = node.attributes[name];
    return value?.kind === 'float' ? addInput(state, node, name, floats([], [value.value])) : '';
  };
  return { ...node, inputs: [node.inputs[0] ?? '', limit('min'), limit('max')], attributes: {} };
}

function sliceToInputs(state: Dequantization, node: Node): Node {
  const list = (name: string) => {
    const value = node.attributes[name];
    return value?.kind === 'ints' ? addInput(state, node, name, intsOf(value)) : '';
  };
  return { ...node, inputs: [node.inputs[0] ?? '', list('starts'), list('ends'), list('axes')], attributes: {} };
}

/** Statistics fixed, as at inference; `spatial` and the test-mode outputs of old opsets fall away. Refuses what the runtime normalizes by the batch. */
function inferenceNormalization(node: Node): Node {
  if (intAttribute(node, 'training_mode', 0) !== 0)
    throw unsupported(node, 'it normalizes by the batch (training_mode = 1)', 'Export the model for inference: model.eval() in PyTorch.');
  if (intAttribute(node, 'spatial', 1) === 0)
    throw unsupported(node, 'spatial = 0 is not supported', 'Export the model with opset 9 or newer.');
  return {
    ...node,
    outputs: node.outputs.slice(0, 1),
    attributes: without(node, 'spatial', 'is_test', 'consumed_inputs', 'training_mode'),
  };
}

/**
 * A Reshape whose shape has the batch written into it (often 1) keeps the batch free: -1 is what is left, 0 what the input has there. Only where
 * the batch comes first in its input: what is made of constants or of sizes alone (positions, masks, weights) has none.
 */
function freeReshape(state: Dequantization, node: Node): Node {
  const shape = constant(state, node.inputs[1]);
  if (shape === null || constant(state, node.inputs[0]) !== null) return node;
  const dims = Array.from(numbers(shape));
  const [first = 0, ...rest] = dims;
  if (rest.length === 0 || first <= 0 || (intAttribute(node, 'allowzero', 0) === 1 && rest.includes(0))) return node;
  const original = state.seen.producer(node.outputs[0] ?? '')?.inputs[0] ?? '';
  const axes = batchAxes(state.graph);
  if (axes.get(original) !== 0) return node;
  const isOpen = rest.includes(-1);
  // 0 keeps what the input has: right only where that is what was written.
  if (isOpen && first !== leadingSize(state.seen, axes, original)) return node;
  const free = addInput(state, node, 'shape', ints([isOpen ? 0 : -1, ...rest]));
  return build('Reshape', [node.inputs[0] ?? '', free], node.outputs, without(node, 'allowzero'), { name: node.name });
}

/**
 * Size of the first axis of a tensor that has the batch there, at the batch that the model was written for (1 where it does not say): what an
 * earlier Reshape made it, or the batch.
 */
function leadingSize(seen: GraphView, axes: ReadonlyMap<string, number | null>, name: string): number {
  const size = [...seen.graph.inputs, ...seen.graph.valueInfo].find((each) => each.name === name)?.shape?.[0];
  if (typeof size === 'number') return size;
  const node = seen.producer(name);
  const target = node?.op === 'Reshape' ? seen.graph.initializers.get(node.inputs[1] ?? '') : undefined;
  const lead = target === undefined ? 0 : (numbers(target)[0] ?? 0);
  if (lead > 0) return lead;
  const before = node?.inputs.find((each) => axes.get(each) === 0);
  return before === undefined ? 1 : leadingSize(seen, axes, before);
}
