// The lowered training step against the one that differentiates the tail as it is written: the same losses and the same weights after many
// steps, in the weights' own shapes.
import { describe, expect, it } from 'vitest';
import { plainLoss } from '../../agent/autodiff/loss.ts';
import { adamW, type OptimizerOptions } from '../../agent/autodiff/optimizers.ts';
import { compileStep, type StepOptions } from '../../agent/autodiff/step.ts';
import { type Node, sizeOf, type Tensor } from '../../agent/onnx/ir.ts';
import { attr, floats, node } from '../../agent/onnx/made/build.ts';
import { Random } from './random.ts';
import { type Run, tailOf, train } from './training.ts';

const [count, classes, batch] = [24, 3, 6];
const sgd: OptimizerOptions = { kind: 'sgd', momentum: 0.9, decay: 0.01 };

class Network {
  readonly r = new Random(11);
  readonly nodes: Node[] = [];
  readonly parameters: Record<string, Tensor> = {};
  readonly constants: Record<string, Tensor> = { lo: floats([], 0), hi: floats([], 6) };
  now = 'x';
  channels: number;

  constructor(channels: number) {
    this.channels = channels;
  }

  values(dims: readonly number[], low: number, high: number): Tensor {
    return floats(
      dims,
      Array.from({ length: sizeOf(dims) }, () => low + (high - low) * this.r.next()),
    );
  }

  apply(op: string, others: readonly string[] = [], attributes: Parameters<typeof node>[3] = {}, outputs: readonly string[] = []): this {
    const out = `${op}${this.nodes.length}`;
    this.nodes.push(node(op, [this.now, ...others], [out, ...outputs], attributes));
    this.now = out;
    return this;
  }

  conv(outputs: number, kernel: number, group = 1, hasBias = true): this {
    const at = this.nodes.length;
    const scale = 1 / Math.sqrt((this.channels / group) * kernel * kernel);
    this.parameters[`w${at}`] = this.values([outputs, this.channels / group, kernel, kernel], -2 * scale, 2 * scale);
    if (hasBias) this.parameters[`b${at}`] = this.values([outputs], -0.2, 0.2);
    this.channels = outputs;
    const pad = (kernel - 1) / 2;
    return this.apply('Conv', hasBias ? [`w${at}`, `b${at}`] : [`w${at}`], { pads: [pad, pad, pad, pad], group });
  }

  normalization(isTraining: boolean): this {
    const at = this.nodes.length;
    const c = [this.channels];
    Object.assign(this.parameters, { [`s${at}`]: this.values(c, 0.8, 1.2), [`t${at}`]: this.values(c, -0.1, 0.1) });
    Object.assign(this.constants, { [`m${at}`]: this.values(c, -0.3, 0.3), [`v${at}`]: this.values(c, 0.5, 1.5) });
    const inputs = [`s${at}`, `t${at}`, `m${at}`, `v${at}`];
    if (!isTraining) return this.apply('BatchNormalization', inputs, { epsilon: attr.float(1e-3) });
    return this.apply('BatchNormalization', inputs, { epsilon: attr.float(1e-3), training_mode: 1 }, [`m${at}+`, `v${at}+`]);
  }

  relu6(): this {
    return this.apply('Clip', ['lo', 'hi']);
  }

  head(): this {
    this.apply('GlobalAveragePool').apply('Flatten');
    this.parameters.w = this.values([classes, this.channels], -0.5, 0.5);
    this.parameters.b = this.values([classes], -0.1, 0.1);
    return this.apply('Gemm', ['w', 'b'], { transB: 1 });
  }
}

const networks: Readonly<Record<string, { readonly sample: readonly number[]; readonly network: Network }>> = {
  'a 1×1 convolution and a head': { sample: [4, 3, 3], network: new Network(4).conv(8, 1).relu6().head() },
  'an inverted residual': {
    sample: [4, 4, 4],
    network: new Network(4).conv(12, 1).normalization(false).relu6().conv(12, 3, 12).normalization(false).relu6().conv(6, 1).head(),
  },
  'training-mode normalization and a dense convolution': {
    sample: [3, 5, 5],
    network: new Network(3)
      .conv(6, 3, 1, false)
      .normalization(true)
      .apply('Relu')
      .conv(5, 1, 1, false)
      .normalization(true)
      .apply('HardSwish')
      .head(),
  },
  'a convolution whose weights are large enough to stand alone': {
    sample: [100, 2, 2],
    network: new Network(100).conv(120, 1).relu6().conv(120, 3, 120).apply('Relu').head(),
  },
};

function runOf(sample: readonly number[], r: Random): Run {
  const features = floats(
    [count, ...sample],
    Array.from({ length: count * sizeOf(sample) }, () => 2 * r.next() - 0.6),
  );
  const labels = Array.from({ length: count }, (_, row) => row % classes);
  const steps = () => Array.from({ length: 3 }, () => r.permutation(count).slice(0, batch));
  return { features, labels, epochs: Array.from({ length: 4 }, () => ({ order: steps(), rate: 0.02 })) };
}

const relative = (a: readonly number[], b: readonly number[]) =>
  Math.hypot(...a.map((value, at) => value - (b[at] as number))) / Math.max(1e-9, Math.hypot(...b));

describe('a lowered step trains as the step as written', () => {
  const optimizers: readonly OptimizerOptions[] = [sgd, { ...adamW, epsilon: 1e-3 } as OptimizerOptions];
  for (const [name, { sample, network }] of Object.entries(networks)) {
    it.each(optimizers)(`${name}, $kind`, async (optimizer) => {
      const tail = tailOf(sample, network.nodes, network.now, network.parameters, network.constants);
      const options: StepOptions = { batch, loss: plainLoss(classes), optimizer };
      const run = runOf(sample, new Random(5));
      const [lowered, plain] = [await train(tail, options, run), await train(tail, { ...options, lowered: false }, run)];
      expect(relative(lowered.losses, plain.losses)).toBeLessThan(1e-5);
      expect(new Set(lowered.losses).size).toBe(lowered.losses.length);
      for (const [parameter, values] of Object.entries(plain.parameters)) {
        expect(relative(lowered.parameters[parameter] as readonly number[], values), parameter).toBeLessThan(2e-4);
        const moved = relative(values, [...(network.parameters[parameter] as Tensor).data].map(Number));
        expect(moved, `${parameter} is trained`).toBeGreaterThan(1e-4);
      }
    });
  }

  it('with nothing computed for what is frozen below the cut, and no convolution left', () => {
    const { sample, network } = networks['an inverted residual'] as (typeof networks)[string];
    const tail = tailOf(sample, network.nodes, network.now, network.parameters, network.constants);
    const operators = (lowered: boolean) => {
      const step = compileStep(tail, { batch, loss: plainLoss(classes), optimizer: sgd, lowered });
      const loop = step.model.graph.nodes.find(({ attributes }) => attributes.body !== undefined);
      const body = loop?.attributes.body;
      return body?.kind === 'graph' ? body.value.nodes.map(({ op }) => op) : [];
    };
    expect(operators(false)).toContain('Conv');
    expect(operators(true).filter((op) => op.startsWith('Conv') || op === 'BatchNormalization')).toEqual([]);
    // Two products for the first layer (no gradient of the features), three for the other; the head likewise three.
    expect(operators(true).filter((op) => op === 'Gemm').length).toBe(2 + 3 + 3 + 2);
  });
});
