// The trainer of the base models, on pictures that are made here: bars across or down, under noise.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { TrainableTail } from '../../agent/autodiff/trainable.ts';
import { forwardModel } from '../../agent/autodiff/trainable.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { decodeSafeTensors, encodeSafeTensors } from '../../agent/onnx/codec/safetensors.ts';
import type { Model, Tensor } from '../../agent/onnx/ir.ts';
import { randomOf } from '../../agent/random.ts';
import { openSession } from '../../agent/runtime/session.ts';

interface Value {
  readonly name: string;
  readonly shape: readonly number[];
}
type Layers = Readonly<Record<string, (...args: readonly unknown[]) => Value>>;
interface Samples {
  readonly labels: Int32Array;
  read(row: number, into: Float32Array): void;
}
interface Trained {
  readonly values: Map<string, Tensor>;
  readonly losses: number[];
}

const folder = new URL('../../scripts/models/training/', import.meta.url);
const { networkOf } = (await import(new URL('network.mjs', folder).href)) as {
  networkOf: (options: object, write: (l: Layers, x: Value) => Value) => TrainableTail;
};
const { fit: train, cosine } = (await import(new URL('fit.mjs', folder).href)) as {
  fit: (options: object) => Promise<Trained>;
  cosine: (options: object) => (step: number, steps: number) => number;
};
const { freeze, predict } = (await import(new URL('freeze.mjs', folder).href)) as {
  freeze: (network: TrainableTail, values: Trained['values']) => Model;
  predict: (model: Model, samples: Samples) => Promise<Float32Array>;
};

const edge = 8;
const scratch = mkdtempSync(join(tmpdir(), 'whet-training-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function bars(count: number, seed: number): Samples {
  const random = randomOf(seed);
  const pictures = Array.from({ length: count }, (_, row) => {
    const at = Math.floor(random() * edge);
    return Float32Array.from({ length: edge * edge }, (_, pixel) => {
      const along = row % 2 === 0 ? Math.floor(pixel / edge) : pixel % edge;
      return (along === at ? 1.5 : 0) + 1.2 * (random() - 0.5);
    });
  });
  return {
    labels: Int32Array.from(pictures.keys(), (row) => row % 2),
    read: (row, into) => into.set(pictures[row] as Float32Array),
  };
}

/** Every layer that the builder has. */
function bothWays(l: Layers, x: Value): Value {
  let y = l.relu!(l.normal!(l.conv!(x, 6)));
  const skipped = y;
  y = l.relu!(l.normal!(l.depthwise!(y)));
  y = l.add!(l.normal!(l.conv!(y, 6, { kernel: 1, bias: true })), skipped);
  y = l.normal!(l.maxPool!(y, 2));
  y = l.averagePool!(l.same!('HardSwish', y), 2);
  return l.linear!(l.flat!(l.reshaped!(y, [6, 4])), 2);
}

const network = networkOf({ sample: [1, edge, edge], seed: 3 }, bothWays);
const training = { network, samples: bars(256, 1), epochs: 5, batch: 16, chunk: 64, schedule: cosine({ rate: 0.01 }), seed: 5 };

describe('the trainer of the base models', () => {
  it('learns, and the frozen model is the network that was trained', async () => {
    const { values, losses } = await train(training);
    expect(losses).toHaveLength(5);
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 2);
    const frozen = freeze(network, values);
    const test = bars(200, 2);
    const logits = await predict(frozen, test);
    const right = test.labels.filter((label, row) => (logits[2 * row] as number) > (logits[2 * row + 1] as number) === (label === 0));
    expect(right.length).toBeGreaterThan(190);

    // Normalizations behind convolutions are folded; the one behind the pool stays.
    expect(frozen.graph.nodes.filter(({ op }) => op === 'BatchNormalization')).toHaveLength(1);
    await using forward = await openSession(encodeModel(forwardModel(network)), { label: 'the network' });
    const x = new Float32Array(edge * edge);
    test.read(0, x);
    const out = await forward.run({
      ...Object.fromEntries(values),
      [network.input]: { dtype: 'float32', dims: [1, 1, edge, edge], data: x },
    });
    const expected = out[network.logits]?.data as Float32Array;
    for (const at of [0, 1]) expect(logits[at]).toBeCloseTo(expected[at] as number, 4);
  });

  it('goes on where it was killed, and comes to the same weights', async () => {
    const checkpoint = join(scratch, 'bars.safetensors');
    const whole = await train(training);
    const kill = new Error('killed');
    const progress = ({ epoch }: { readonly epoch: number }) => {
      if (epoch === 3) throw kill;
    };
    await expect(train({ ...training, checkpoint, progress })).rejects.toBe(kill);
    expect(existsSync(checkpoint)).toBe(true);
    const epochs: number[] = [];
    const resumed = await train({ ...training, checkpoint, progress: ({ epoch }: { readonly epoch: number }) => epochs.push(epoch) });
    expect(new Set(epochs)).toEqual(new Set([3, 4]));
    expect(resumed).toEqual(whole);
    await expect(train({ ...training, checkpoint, seed: 6 })).rejects.toThrow('another training');

    const { tensors, metadata } = decodeSafeTensors(readFileSync(checkpoint));
    const flat = [...tensors].map(([name, tensor]) => [name, { ...tensor, dims: [tensor.dims.reduce((a, b) => a * b, 1), 1] }] as const);
    const before = { ...metadata, losses: JSON.stringify([1]) };
    writeFileSync(checkpoint, encodeSafeTensors({ tensors: new Map(flat), metadata: before }));
    await expect(train({ ...training, checkpoint })).rejects.toThrow('another version of the compiler');
  });

  it('augments every sample anew in every epoch, and never the samples themselves', async () => {
    const seen = new Map<number, number[]>();
    const augment = (into: Float32Array, random: () => number, { row }: { readonly row: number }) => {
      into[0] = random();
      seen.set(row, [...(seen.get(row) ?? []), into[0]]);
    };
    await train({ ...training, epochs: 2, augment });
    expect(seen.size).toBe(256);
    for (const values of seen.values()) expect(new Set(values).size).toBe(2);
  });

  it('refuses what does not fit', async () => {
    await expect(train({ ...training, batch: 512 })).rejects.toThrow('do not fill a batch');
    await expect(train({ ...training, schedule: () => 1e30 })).rejects.toThrow('not finite');
    expect(() => networkOf({ sample: [1, 8, 8], seed: 1 }, (l, x) => l.linear!(x, 2))).toThrow('flatten or pool');
  });
});
