// Which layers of a tail are trained: without those that are to stay, and where memory is short those that contribute most for their size.
// Layers count from the output, 1 is the last one. Refuses a choice that leaves nothing (`model-unsupported`).

import { plainLoss } from '../../autodiff/loss.ts';
import { compileStep } from '../../autodiff/step.ts';
import { WhetError } from '../../errors.ts';
import { encodeModel } from '../../onnx/codec/encode.ts';
import { sizeOf, type Tensor } from '../../onnx/ir.ts';
import type { FloatTail } from '../../onnx/surgery/tail.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { floatTensor } from '../ridge/gather.ts';
import type { EngineSamples } from './engine.ts';

/** Weight, gradient and the two moments of AdamW, 4 bytes each. */
const bytesPerNumber = 16;
/** Minibatches whose gradients are averaged to see what a layer contributes. */
const probes = 8;

/** The tail, of which only some parameters train; the others are constants of the step. */
export function withoutLayers(tail: FloatTail, frozen: readonly number[]): FloatTail {
  if (frozen.length === 0) return tail;
  const order = layersFromOutput(tail);
  const gone = new Set(frozen.map((number) => order[number - 1]));
  const parameters = tail.parameters.filter(({ layer }) => !gone.has(layer));
  if (parameters.length > 0) return { ...tail, parameters };
  throw new WhetError('model-unsupported', `with layers ${frozen.join(', ')} frozen, none of ${order.length} is left to train`, {
    hint: 'Freeze fewer layers, or train more (--layers).',
  });
}

export interface Contribution {
  /** Counted from the output. */
  readonly layer: number;
  readonly bytes: number;
  /** Σ (dL/dw)² over its parameters, averaged over minibatches. */
  readonly gradient: number;
}

/**
 * The layers that lower the loss most for their size, as far as `megabytes` reach; the last one always. The loss falls along the gradient by
 * its squared norm, so a layer's share of that norm over its bytes is what it brings (as in Lin et al. 2022, which searches; this measures).
 */
export async function withinBudget(
  tail: FloatTail,
  samples: Pick<EngineSamples, 'features' | 'labels'>,
  options: { readonly classes: number; readonly batch: number; readonly megabytes: number; readonly runtime: Runtime },
): Promise<{ readonly tail: FloatTail; readonly contributions: readonly Contribution[] }> {
  const contributions = await contributionsOf(tail, samples, options);
  const best = [...contributions].sort(
    (a, b) => Number(b.layer === 1) - Number(a.layer === 1) || b.gradient / b.bytes - a.gradient / a.bytes,
  );
  const order = layersFromOutput(tail);
  const kept = new Set<number | undefined>();
  let left = options.megabytes * 2 ** 20;
  for (const { layer, bytes } of best) {
    if (layer !== 1 && bytes > left) continue;
    kept.add(order[layer - 1]);
    left -= bytes;
  }
  return { tail: { ...tail, parameters: tail.parameters.filter(({ layer }) => kept.has(layer)) }, contributions };
}

async function contributionsOf(
  tail: FloatTail,
  { features, labels }: Pick<EngineSamples, 'features' | 'labels'>,
  { classes, batch, runtime }: { readonly classes: number; readonly batch: number; readonly runtime: Runtime },
): Promise<readonly Contribution[]> {
  const kind = tail.activation === 'sigmoid' ? 'sigmoid' : 'softmax';
  const { model, parameters } = compileStep(tail, {
    batch,
    loss: { ...plainLoss(classes), kind },
    optimizer: { kind: 'sgd', momentum: 0, decay: 0 },
  });
  await using session = await runtime.open(encodeModel(model), { label: 'the gradients of each layer' });
  const initial = new Map(parameters.map(({ name }) => [name, tail.model.graph.initializers.get(name) as Tensor]));
  const squares = new Map<string, number>();
  const count = labels.length;
  for (let probe = 0; probe < probes; probe += 1) {
    const out = await session.run({
      features,
      labels: { dtype: 'int64', dims: [count], data: BigInt64Array.from(labels, BigInt) },
      weights: floatTensor([count], new Float32Array(count).fill(1)),
      // Rows at equal distances, others in every probe.
      order: {
        dtype: 'int64',
        dims: [1, batch],
        data: BigInt64Array.from({ length: batch }, (_, at) => BigInt((Math.floor((at * count) / batch) + probe) % count)),
      },
      rates: floatTensor([1], Float32Array.of(1)),
      done: floatTensor([], Float32Array.of(0)),
      ...Object.fromEntries(parameters.map(({ name, input }) => [input, initial.get(name) as Tensor])),
    });
    for (const { name, output } of parameters) {
      const before = initial.get(name)?.data as Float32Array;
      const after = out[output]?.data as Float32Array;
      const sum = before.reduce((total, w, at) => total + (w - (after[at] as number)) ** 2, 0);
      squares.set(name, (squares.get(name) ?? 0) + sum / probes);
    }
  }
  return layersFromOutput(tail).map((id, at) => {
    const own = tail.parameters.filter(({ layer }) => layer === id);
    const numbers = own.reduce((sum, { dims }) => sum + sizeOf(dims), 0);
    return { layer: at + 1, bytes: numbers * bytesPerNumber, gradient: own.reduce((sum, { name }) => sum + (squares.get(name) ?? 0), 0) };
  });
}

/** Numbers of the tail's layers, the last one first. */
function layersFromOutput({ parameters }: FloatTail): readonly number[] {
  return [...new Set(parameters.map(({ layer }) => layer))].sort((a, b) => b - a);
}
