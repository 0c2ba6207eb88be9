// A chain of operators over an image, written step by step: convolutions, normalizations, activations, combinations.

import { type Node, sizeOf, type Tensor } from '../../agent/onnx/ir.ts';
import { attr, floats, node } from '../../agent/onnx/made/build.ts';
import type { Random } from './random.ts';

export interface Chain {
  readonly nodes: readonly Node[];
  /** The image 'x' and the weights: each gets its gradient compared. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly constants: Readonly<Record<string, Tensor>>;
  /** Operators that must not be left. */
  readonly gone: readonly string[];
  readonly opset: number;
}

type Attributes = Parameters<typeof node>[3];

/** Writes a chain step by step; `now` is the value at its end. */
export class Writer {
  readonly r: Random;
  readonly nodes: Node[] = [];
  readonly inputs: Record<string, Tensor> = {};
  readonly constants: Record<string, Tensor> = {};
  now = 'x';
  channels: number;
  opset = 17;
  readonly axes: number;

  constructor(r: Random, axes = r.int(1, 2)) {
    this.r = r;
    this.axes = axes;
    this.channels = r.int(1, 4);
    this.input('x', [r.int(1, 3), this.channels, ...Array.from({ length: axes }, () => r.int(3, 5))]);
  }

  input(name: string, dims: readonly number[], low = -1, high = 1): string {
    this.inputs[name] = floats(
      dims,
      Array.from({ length: sizeOf(dims) }, () => low + (high - low) * this.r.next()),
    );
    return name;
  }

  constant(name: string, tensor: Tensor): string {
    this.constants[name] = tensor;
    return name;
  }

  apply(op: string, others: readonly string[] = [], attributes: Attributes = {}, domain = ''): this {
    const out = `v${this.nodes.length}`;
    this.nodes.push(node(op, [this.now, ...others], [out], attributes, { domain }));
    this.now = out;
    return this;
  }

  pointwise(outputs = this.r.int(1, 4), group = 1): this {
    const at = this.nodes.length;
    const others = [this.input(`w${at}`, [outputs * group, this.channels / group, ...this.ones()])];
    if (this.r.flag()) others.push(this.input(`b${at}`, [outputs * group]));
    this.channels = outputs * group;
    return this.apply('Conv', others, group === 1 ? {} : { group });
  }

  /** `each` outputs a channel. */
  depthwise(each: number): this {
    const { r } = this;
    const at = this.nodes.length;
    const list = (low: number, high: number) => Array.from({ length: this.axes }, () => r.int(low, high));
    const [kernel, strides, dilations] = [list(2, 3), list(1, 2), list(1, 2)];
    const pads = kernel.map((k, axis) => (k - 1) * (dilations[axis] as number));
    const others = [this.input(`w${at}`, [this.channels * each, 1, ...kernel])];
    if (r.flag()) others.push(this.input(`b${at}`, [this.channels * each]));
    const attributes = { group: this.channels, strides, dilations, pads: [...pads, ...pads.map((pad) => r.int(0, pad))] };
    this.channels *= each;
    return this.apply('Conv', others, attributes);
  }

  normalization(): this {
    const at = this.nodes.length;
    const others = [this.input(`s${at}`, [this.channels], 0.5, 1.5), this.input(`t${at}`, [this.channels])];
    const values = Array.from({ length: this.channels }, () => this.r.next() + 0.2);
    others.push(this.constant(`m${at}`, floats([this.channels], values)), this.constant(`c${at}`, floats([this.channels], values)));
    return this.apply('BatchNormalization', others, this.r.flag() ? { epsilon: attr.float(1e-3) } : {});
  }

  activation(): this {
    const at = this.nodes.length;
    const limits = [this.constant(`lo${at}`, floats([], -0.4)), this.constant(`hi${at}`, floats([], 0.3))];
    const [op, others = [], domain = ''] = this.r.pick<readonly [string, (readonly string[])?, string?]>([
      ...unary.map((name) => [name] as const),
      ['Clip', limits],
      ['Clip', limits],
      ['Gelu', [], 'com.microsoft'],
      ['FastGelu', [], 'com.microsoft'],
      ['QuickGelu', [], 'com.microsoft'],
    ]);
    if (op === 'Mish') this.opset = 18;
    return this.apply(op, others, op === 'Cast' ? { to: 1 } : {}, domain);
  }

  /** A second operand: a branch of the chain's own shape, one number a channel, or one in all. */
  combination(op: string): this {
    const { r } = this;
    const at = this.nodes.length;
    const form = r.int(0, op === 'PRelu' ? 1 : 2);
    if (form === 2) {
      const before = this.now;
      const other = this.pointwise(this.channels).now;
      this.now = before;
      return this.apply(op, [other]);
    }
    const dims = form === 0 ? r.pick([[], [1], [1, 1, 1]]) : [this.channels, ...this.ones()];
    // One operand comes first or second.
    const other = this.input(`o${at}`, dims, 0.5, 1.5);
    return this.apply(op, [other]);
  }

  ones(): readonly number[] {
    return Array<number>(this.axes).fill(1);
  }

  spaceAxes(): readonly number[] {
    return this.ones().map((_, axis) => axis + 2);
  }

  chain(gone: readonly string[] = []): Chain {
    const last = this.nodes.at(-1) as Node;
    const nodes = [...this.nodes.slice(0, -1), { ...last, outputs: ['y'] }];
    return { nodes, inputs: this.inputs, constants: this.constants, gone, opset: this.opset };
  }
}

const unary = [
  'Identity Neg Abs Exp Sin Cos Erf Dropout Relu LeakyRelu Elu Selu Celu ThresholdedRelu Sigmoid HardSigmoid HardSwish Tanh',
  'Softplus Softsign Mish Cast',
].flatMap((line) => line.split(' '));
