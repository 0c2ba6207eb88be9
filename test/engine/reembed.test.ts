import { describe, expect, it } from 'vitest';
import { createReembedding } from '../../agent/engine/reembed.ts';
import { WhetError } from '../../agent/errors.ts';
import type { Inference } from '../../agent/inference/inference.ts';
import { createLog } from '../../agent/log.ts';
import { backbone, sample, temporaryStore } from '../store/fixtures.ts';

const other = 'cd'.repeat(32);

/** Computes the picture's first byte; refuses a picture of zeros. */
const inference = {
  async infer(bytes: Uint8Array) {
    if (bytes[0] === 0) throw new WhetError('image-unreadable', 'no picture');
    const features = Float32Array.of(bytes[0] ?? -1);
    return {
      features,
      answer: { kind: 'classes' as const, scores: [{ label: 'cat', confidence: 1 }] },
      hash: 1n,
      release: 'base',
      latencyMs: 1,
    };
  },
} as unknown as Inference;

describe('embedding again', () => {
  it('gives labelled samples with pictures features of the new backbone, and passes over those that cannot be read', async () => {
    const store = temporaryStore();
    for (const first of [3, 0, 5]) store.samples.add(sample({ raw: Uint8Array.of(first), label: 'cat', origin: `${first}` }));
    const reembedding = createReembedding({ store, inference, backbone: other, log: createLog('silent') });
    expect(await reembedding.start()).toBe(2);
    expect([...store.features.labelled(other)].map(({ features }) => features[0])).toEqual([3, 5]);
    expect([...store.features.labelled(backbone)]).toHaveLength(1);
  });

  it('stops between two samples', async () => {
    const store = temporaryStore();
    for (const first of [3, 4, 5]) store.samples.add(sample({ raw: Uint8Array.of(first), label: 'cat', origin: `${first}` }));
    const stopping = {
      infer(bytes: Uint8Array) {
        void reembedding.stop();
        return inference.infer(bytes);
      },
    };
    const reembedding = createReembedding({ store, inference: stopping, backbone: other, log: createLog('silent') });
    expect(await reembedding.start()).toBe(1);
  });

  it('waits for a worker that is away, and what waits for it has all', async () => {
    const store = temporaryStore();
    for (const first of [3, 4, 5]) store.samples.add(sample({ raw: Uint8Array.of(first), label: 'cat', origin: `${first}` }));
    let away = 4;
    const failing = {
      async infer(bytes: Uint8Array) {
        away -= 1;
        if (away >= 0) throw new WhetError('inference-unavailable', 'starting again');
        return inference.infer(bytes);
      },
    };
    const reembedding = createReembedding({ store, inference: failing, backbone: other, log: createLog('silent'), retryMs: 5 });
    void reembedding.start();
    await reembedding.settled(new AbortController().signal);
    expect([...store.features.labelled(other)]).toHaveLength(3);
  });
});
