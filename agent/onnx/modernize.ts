// Old operator semantics → those of opset 17 or newer, one node at a time, so that gradient rules need one form only. Takes a float node
// with its opset, gives the nodes that stand for it; refuses what has no exact counterpart.
import { node as build, ints } from './build.ts';
import type { Attribute, Node, Tensor } from './ir.ts';
import { constant, type Lowering, unsupported } from './lowering.ts';
import { numbers } from './quantized-values.ts';

/** The opset of the float tail: at least 17, and never older than what the nodes were written for. */
export function targetOpset(opset: number): number {
  return Math.max(17, opset);
}

export function modernizeNode(state: Lowering, node: Node): readonly Node[] {
  const { opset } = state;
  if (node.domain !== '') throw unsupported(node, `operators of the domain '${node.domain}' cannot be trained`);
  if (node.attributes.broadcast !== undefined)
    throw unsupported(node, 'it uses the broadcasting of opset 6 and older', 'Export the model with opset 7 or newer.');
  switch (node.op) {
    case 'Softmax':
    case 'LogSoftmax':
      return opset >= 13 ? [node] : [flatSoftmax(node)];
    case 'Squeeze':
    case 'Unsqueeze':
      return opset >= 13 ? [node] : [axesToInput(state, node)];
    case 'ReduceSum':
      return opset >= 13 ? [node] : [axesToInput(state, node)];
    case 'Clip':
      return opset >= 11 ? [node] : [limitsToInputs(state, node)];
    case 'Slice':
      return opset >= 10 ? [node] : [sliceToInputs(state, node)];
    case 'Pad':
      if (opset >= 11) return [node];
      throw unsupported(node, 'Pad older than opset 11 is not supported', 'Export the model with opset 11 or newer.');
    case 'BatchNormalization':
      return [inferenceNormalization(node)];
    case 'Reshape':
      return [freeReshape(state, node)];
    default:
      return [node];
  }
}

/** Before opset 13 Softmax flattened to two dimensions at `axis`; on the [batch, classes] of a classifier that is the last axis. */
function flatSoftmax(node: Node): Node {
  const axis = node.attributes.axis?.kind === 'int' ? node.attributes.axis.value : 1;
  if (axis !== 1 && axis !== -1)
    throw unsupported(node, `axis ${axis} with the flattening of opset 12 and older`, 'Export the model with opset 13 or newer.');
  return { ...node, attributes: { axis: { kind: 'int', value: -1 } } };
}

function without(node: Node, ...names: readonly string[]): Readonly<Record<string, Attribute>> {
  return Object.fromEntries(Object.entries(node.attributes).filter(([name]) => !names.includes(name)));
}

/** Adds an initializer under a name of the node's own and gives that name. */
function addInput(state: Lowering, node: Node, what: string, value: Tensor): string {
  const name = `${node.outputs[0]}/${what}`;
  state.initializers.set(name, value);
  return name;
}

function axesToInput(state: Lowering, node: Node): Node {
  const axes = node.attributes.axes;
  if (axes?.kind !== 'ints') return node;
  return { ...node, inputs: [node.inputs[0] ?? '', addInput(state, node, 'axes', ints(axes.value))], attributes: without(node, 'axes') };
}

function limitsToInputs(state: Lowering, node: Node): Node {
  const limit = (name: 'min' | 'max') => {
    const value = node.attributes[name];
    return value?.kind === 'float' ? addInput(state, node, name, { dtype: 'float32', dims: [], data: Float32Array.of(value.value) }) : '';
  };
  return { ...node, inputs: [node.inputs[0] ?? '', limit('min'), limit('max')], attributes: {} };
}

function sliceToInputs(state: Lowering, node: Node): Node {
  const list = (name: string) => {
    const value = node.attributes[name];
    return value?.kind === 'ints' ? addInput(state, node, name, ints(value.value)) : '';
  };
  return { ...node, inputs: [node.inputs[0] ?? '', list('starts'), list('ends'), list('axes')], attributes: {} };
}

/** Statistics fixed, as at inference; `spatial` and the test-mode outputs of old opsets fall away. */
function inferenceNormalization(node: Node): Node {
  if (node.attributes.spatial?.value === 0)
    throw unsupported(node, 'spatial = 0 is not supported', 'Export the model with opset 9 or newer.');
  return {
    ...node,
    outputs: node.outputs.slice(0, 1),
    attributes: without(node, 'spatial', 'is_test', 'consumed_inputs', 'training_mode'),
  };
}

/** A Reshape whose shape has the batch written into it (often 1) keeps the batch free: 0 means "as it was". */
function freeReshape(state: Lowering, node: Node): Node {
  const shape = constant(state, node.inputs[1]);
  if (shape === null) return node;
  const dims = Array.from(numbers(shape));
  if (dims.length < 2 || dims[0] === 0 || dims[0] === -1 || dims.slice(1).includes(-1)) return node;
  return build(
    'Reshape',
    [node.inputs[0] ?? '', addInput(state, node, 'shape', ints([-1, ...dims.slice(1)]))],
    node.outputs,
    without(node, 'allowzero'),
    { name: node.name },
  );
}
