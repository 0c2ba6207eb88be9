// Five small networks of the kinds that end today's edge models, with drawn weights, batches and labels: what the compiled training step is
// compared on with other frameworks.
import type { TrainableTail } from '../../agent/autodiff/trainable.ts';
import { type Node, sizeOf, type Tensor } from '../../agent/onnx/ir.ts';
import { attr, floats, graph, ints, model, node, value } from '../../agent/onnx/made/build.ts';
import type { TailParameter } from '../../agent/onnx/surgery/tail.ts';
import { Random } from './random.ts';

export interface Architecture {
  readonly tail: TrainableTail;
  readonly sample: readonly number[];
  readonly classes: number;
  readonly rate: number;
}

const classes = 4;

/** Collects nodes and drawn parameters; `now` is the value at the end. */
class Tail {
  readonly #r: Random;
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, Tensor>();
  readonly #parameters: TailParameter[] = [];
  readonly #sample: readonly number[];
  now = 'x';

  constructor(seed: number, sample: readonly number[]) {
    this.#r = new Random(seed);
    this.#sample = sample;
  }

  weight(name: string, dims: readonly number[], fanIn: number): string {
    const spread = Math.sqrt(6 / fanIn);
    return this.#own(
      name,
      floats(
        dims,
        Array.from({ length: sizeOf(dims) }, () => spread * (2 * this.#r.next() - 1)),
      ),
      'weight',
    );
  }

  vector(name: string, size: number, centre = 0): string {
    return this.#own(
      name,
      floats(
        [size],
        Array.from({ length: size }, () => centre + 0.2 * (this.#r.next() - 0.5)),
      ),
      centre === 0 ? 'bias' : 'scale',
    );
  }

  constant(name: string, tensor: Tensor): string {
    this.#initializers.set(name, tensor);
    return name;
  }

  apply(op: string, others: readonly string[] = [], attributes: Parameters<typeof node>[3] = {}, from = this.now): string {
    this.now = `${op}.${this.#nodes.length}`;
    this.#nodes.push(node(op, [from, ...others], [this.now], attributes, { name: this.now }));
    return this.now;
  }

  linear(inputs: number, outputs: number): string {
    const at = this.#nodes.length;
    return this.apply('Gemm', [this.weight(`w${at}`, [outputs, inputs], inputs), this.vector(`b${at}`, outputs)], { transB: 1 });
  }

  conv(inputs: number, outputs: number, kernel: number, attributes: { readonly group?: number; readonly strides?: number[] } = {}): string {
    const each = inputs / (attributes.group ?? 1);
    const pad = (kernel - 1) / 2;
    const w = this.weight(`w${this.#nodes.length}`, [outputs, each, kernel, kernel], each * kernel ** 2);
    return this.apply('Conv', [w], { ...attributes, pads: [pad, pad, pad, pad] });
  }

  /** Batch normalization in training mode. */
  normal(channels: number): string {
    const at = this.#nodes.length;
    const [scale, shift] = [this.vector(`s${at}`, channels, 1), this.vector(`t${at}`, channels)];
    const [mean, variance] = [this.constant(`mean${at}`, floats([channels], 0)), this.constant(`var${at}`, floats([channels], 1))];
    const x = this.now;
    this.now = `normal.${at}`;
    const outputs = [this.now, `${mean}.next`, `${variance}.next`];
    this.#nodes.push(
      node('BatchNormalization', [x, scale, shift, mean, variance], outputs, { training_mode: 1, momentum: attr.float(0.9) }),
    );
    return this.now;
  }

  finish(rate: number): Architecture {
    const body = graph('tail', {
      inputs: [value('x', ['n', ...this.#sample])],
      outputs: [value(this.now, null)],
      nodes: this.#nodes,
      initializers: this.#initializers,
    });
    const tail = { model: model(body), input: 'x', logits: this.now, parameters: this.#parameters };
    return { tail, sample: this.#sample, classes, rate };
  }

  #own(name: string, tensor: Tensor, role: TailParameter['role']): string {
    this.#initializers.set(name, tensor);
    this.#parameters.push({ name, dims: tensor.dims, role, layer: this.#parameters.length });
    return name;
  }
}

function linearHead(): Architecture {
  const t = new Tail(1, [24]);
  t.linear(24, classes);
  return t.finish(0.02);
}

function perceptron(): Architecture {
  const t = new Tail(2, [16]);
  t.linear(16, 24);
  t.apply('Relu');
  t.linear(24, 12);
  t.apply('Tanh');
  t.linear(12, classes);
  return t.finish(0.01);
}

function convolutional(): Architecture {
  const t = new Tail(3, [2, 6, 6]);
  t.conv(2, 4, 3);
  t.normal(4);
  t.apply('Relu');
  t.apply('MaxPool', [], { kernel_shape: [2, 2], strides: [2, 2] });
  t.conv(4, 6, 3);
  t.normal(6);
  t.apply('Relu');
  t.apply('AveragePool', [], { kernel_shape: [2, 2] });
  t.apply('Flatten');
  t.linear(24, classes);
  return t.finish(0.005);
}

/** Expansion, depthwise, projection, each normalized, with Relu6 and a way around (Sandler et al. 2018). */
function invertedResidual(): Architecture {
  const t = new Tail(4, [4, 5, 5]);
  const limits = [t.constant('zero', floats([], 0)), t.constant('six', floats([], 6))];
  t.conv(4, 8, 1);
  t.normal(8);
  t.apply('Clip', limits);
  t.conv(8, 8, 3, { group: 8 });
  t.normal(8);
  t.apply('Clip', limits);
  t.conv(8, 4, 1);
  const narrow = t.normal(4);
  t.apply('Add', [narrow], {}, 'x');
  t.apply('GlobalAveragePool');
  t.apply('Flatten');
  t.linear(4, classes);
  return t.finish(0.01);
}

/** Attention and a two-layer network, each behind a LayerNormalization and with a way around, as PyTorch exports them. */
function transformer(): Architecture {
  const [length, width, heads] = [4, 8, 2];
  const t = new Tail(5, [length, width]);
  const layerNormal = (name: string) => t.apply('LayerNormalization', [t.vector(`${name}.w`, width, 1), t.vector(`${name}.b`, width)]);
  const dense = (name: string, inputs: number, outputs: number, from = t.now, hasBias = true) => {
    const product = t.apply('MatMul', [t.weight(`${name}.w`, [inputs, outputs], 2 * inputs)], {}, from);
    return hasBias ? t.apply('Add', [t.vector(`${name}.b`, outputs)], {}, product) : product;
  };
  const normal = layerNormal('ln1');
  const toHeads = t.constant('heads', ints([0, length, heads, width / heads]));
  const head = (name: string, perm: readonly number[]) => {
    // A bias of the keys shifts all scores of a query alike, so softmax takes no notice of it: its gradient is rounding noise.
    dense(name, width, width, normal, name !== 'k');
    t.apply('Reshape', [toHeads]);
    return t.apply('Transpose', [], { perm });
  };
  const [query, key, values] = [head('q', [0, 2, 1, 3]), head('k', [0, 2, 3, 1]), head('v', [0, 2, 1, 3])];
  t.apply('MatMul', [key], {}, query);
  t.apply('Mul', [t.constant('scale', floats([], 1 / Math.sqrt(width / heads)))]);
  t.apply('Softmax', [], { axis: -1 });
  t.apply('MatMul', [values]);
  t.apply('Transpose', [], { perm: [0, 2, 1, 3] });
  t.apply('Reshape', [t.constant('joined', ints([0, length, width]))]);
  dense('out', width, width);
  const attended = t.apply('Add', ['x']);
  layerNormal('ln2');
  const inner = dense('up', width, 2 * width);
  // GELU by its definition: x/2·(1 + erf(x/√2)).
  t.apply('Div', [t.constant('root2', floats([], Math.SQRT2))]);
  t.apply('Erf');
  t.apply('Add', [t.constant('one', floats([], 1))]);
  t.apply('Mul', [inner]);
  t.apply('Mul', [t.constant('half', floats([], 0.5))]);
  dense('down', 2 * width, width);
  t.apply('Add', [attended]);
  t.apply('ReduceMean', [], { axes: [1], keepdims: 0 });
  t.linear(width, classes);
  return t.finish(0.005);
}

export const architectures: Readonly<Record<string, () => Architecture>> = {
  'a linear head': linearHead,
  'a perceptron of three layers': perceptron,
  'convolutions, pools and normalization by the batch': convolutional,
  'an inverted residual': invertedResidual,
  'a transformer block': transformer,
};

export const batch = 8;
export const steps = 50;

/** Samples around one centre a class, enough for a few epochs in `steps`, and the rows that each step takes. */
export function drawnSamples({ sample }: Architecture): {
  readonly features: Tensor;
  readonly labels: readonly number[];
  readonly order: number[][];
} {
  const r = new Random(9);
  const count = 64;
  const size = sizeOf(sample);
  const centres = Array.from({ length: classes * size }, () => r.next() - 0.5);
  const labels = Array.from({ length: count }, (_, row) => row % classes);
  const data = Array.from({ length: count * size }, (_, at) => {
    const label = labels[Math.floor(at / size)] as number;
    return (centres[label * size + (at % size)] as number) + 1.5 * (r.next() - 0.5);
  });
  const order = Array.from({ length: steps }, () => Array.from({ length: batch }, () => r.int(0, count - 1)));
  return { features: floats([count, ...sample], data), labels, order };
}
