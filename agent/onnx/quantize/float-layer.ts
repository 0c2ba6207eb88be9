// A node with constant float weights as the quantizer sees it: which input is what, and along which axis its output channels lie.
import { floatAttribute, intAttribute } from '../attributes.ts';
import type { Node, Tensor } from '../ir.ts';
import { sizeOf } from '../ir.ts';
import type { GraphView } from '../view.ts';

export interface FloatLayer {
  readonly node: Node;
  /** The activation that it reads. */
  readonly input: string;
  /** Name of the weight initializer; it is input 1. */
  readonly weight: string;
  /** Axis of the output channels in the weight; null where one scale must do for all. */
  readonly axis: number | null;
  /** Number of output channels. */
  readonly channels: number;
  /** Name of the bias vector where it is input 2 and becomes int32; null where there is none or it stays float. */
  readonly bias: string | null;
  /** Whether a bias may become input 2 where there is none. */
  readonly takesBias: boolean;
  /** The Add of a constant right behind a MatMul. */
  readonly addition: Node | null;
}

/** null for a node without constant float weights at input 1, or that scales them (Gemm with alpha or beta). */
export function floatLayer(seen: GraphView, node: Node): FloatLayer | null {
  const [input = '', weight = '', biasName = ''] = node.inputs;
  const { initializers } = seen.graph;
  const tensor = initializers.get(weight);
  if (node.domain !== '' || tensor?.dtype !== 'float32') return null;
  const common = { node, input, weight, addition: null };
  const bias = initializers.get(biasName);
  const vector = (channels: number) => (bias?.dtype === 'float32' && bias.dims.length === 1 && bias.dims[0] === channels ? biasName : null);
  const [first = 0, second = 0] = tensor.dims;
  switch (node.op) {
    case 'Conv':
      return { ...common, axis: 0, channels: first, bias: vector(first), takesBias: biasName === '' };
    case 'ConvTranspose': {
      const groups = intAttribute(node, 'group', 1);
      return { ...common, axis: null, channels: second * groups, bias: vector(second * groups), takesBias: biasName === '' };
    }
    case 'Gemm': {
      const isScaled = floatAttribute(node, 'alpha', 1) !== 1 || floatAttribute(node, 'beta', 1) !== 1;
      if (tensor.dims.length !== 2 || isScaled || intAttribute(node, 'transA', 0) === 1) return null;
      const axis = intAttribute(node, 'transB', 0) === 1 ? 0 : 1;
      const channels = tensor.dims[axis] as number;
      return { ...common, axis, channels, bias: vector(channels), takesBias: biasName === '' };
    }
    case 'MatMul': {
      if (tensor.dims.length < 2) return null;
      const axis = tensor.dims.length - 1;
      const channels = tensor.dims[axis] as number;
      // One scale a channel needs a matrix: the runtime has no other integer product.
      return {
        ...common,
        axis: axis === 1 ? 1 : null,
        channels,
        bias: null,
        takesBias: false,
        addition: additionOf(seen, node, channels),
      };
    }
    default:
      return null;
  }
}

function additionOf(seen: GraphView, node: Node, channels: number): Node | null {
  const [y = ''] = node.outputs;
  const add = seen.onlyReader(y);
  if (add?.op !== 'Add' || add.domain !== '') return null;
  const constant: Tensor | undefined = seen.graph.initializers.get(additionConstant(add, y));
  return constant?.dtype === 'float32' && constant.dims.at(-1) === channels && sizeOf(constant.dims) === channels ? add : null;
}

/** The input of an Add that is not `y`. */
export function additionConstant(add: Node, y: string): string {
  return (add.inputs[0] === y ? add.inputs[1] : add.inputs[0]) ?? '';
}
