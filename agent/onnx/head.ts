// Finds the last linear layer of a float tail, the logits, and the activation that turns them into the model's output.
import { producers } from './graph.ts';
import type { Model, Node } from './ir.ts';
import { weightSource } from './parameters.ts';
import type { FloatTail, LinearHead, TailParameter } from './tail.ts';

type Head = Pick<FloatTail, 'head' | 'logits' | 'activation'>;

const activations: Readonly<Record<string, FloatTail['activation']>> = {
  Softmax: 'softmax',
  LogSoftmax: 'log-softmax',
  Sigmoid: 'sigmoid',
};

export function findHead(model: Model, parameters: readonly TailParameter[], output: string): Head {
  const produced = producers(model.graph);
  const last = produced.get(output);
  const activation = activations[last?.op ?? ''] ?? 'none';
  const logits = activation === 'none' ? output : (last?.inputs[0] ?? output);
  return { logits, activation, head: linearHead(model, produced, parameters, logits) };
}

function linearHead(
  model: Model,
  produced: ReadonlyMap<string, Node>,
  parameters: readonly TailParameter[],
  logits: string,
): LinearHead | null {
  const node = produced.get(logits);
  if (node === undefined) return null;
  const { initializers } = model.graph;
  const isBias = (name: string) =>
    initializers.has(name) && parameters.some((parameter) => parameter.name === name && parameter.role === 'bias');
  if (node.op === 'Add') {
    const bias = node.inputs.find(isBias);
    const product = produced.get(node.inputs.find((name) => name !== bias) ?? '');
    return bias === undefined || product === undefined ? null : layerHead(model, product, bias);
  }
  return layerHead(model, node, node.op === 'Gemm' && isBias(node.inputs[2] ?? '') ? (node.inputs[2] ?? null) : null);
}

function layerHead(model: Model, node: Node, bias: string | null): LinearHead | null {
  if (node.op !== 'Gemm' && node.op !== 'MatMul') return null;
  const { source, input, transposed } = weightSource(model.graph, node);
  const isRight = source === node ? input === 1 : node.inputs[1] === source?.outputs[0];
  if (source === null || !isRight) return null;
  const int = (name: string) => (node.attributes[name]?.kind === 'int' ? node.attributes[name].value : 0);
  const scaled = ['alpha', 'beta'].some((name) => node.attributes[name]?.kind === 'float' && node.attributes[name].value !== 1);
  const weight = source.inputs[input] ?? '';
  const dims = model.graph.initializers.get(weight)?.dims ?? [];
  if (dims.length !== 2 || scaled || int('transA') === 1) return null;
  const outIn = (int('transB') === 1) !== transposed;
  const [rows = 0, columns = 0] = dims;
  return {
    weight,
    bias,
    layout: outIn ? 'out-in' : 'in-out',
    input: node.inputs[0] ?? '',
    width: outIn ? columns : rows,
    classes: outIn ? rows : columns,
  };
}
