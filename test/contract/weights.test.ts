import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelManifest } from '../../agent/contract/payloads.ts';
import { parseChunkTopic } from '../../agent/contract/topics.ts';
import { chunkMessages, createAssembly, describeDelta, inlineWeights } from '../../agent/contract/weights.ts';

const bytesOf = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 7919) % 251);
const chunkBytes = 1024;
const factsOf = (delta: Uint8Array) => ({ bytes: delta.byteLength, sha256: createHash('sha256').update(delta).digest('hex') });
const chunkOf = (delta: Uint8Array, chunk: number) => delta.subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes);

describe('chunks', () => {
  it('give the same bytes back, in any order, with repetitions', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), fc.infiniteStream(fc.nat()), (length, random) => {
        const delta = bytesOf(length);
        const messages = chunkMessages('v1', factsOf(delta), chunkBytes, 1);
        const assembly = createAssembly(describeDelta(factsOf(delta), chunkBytes));
        const shuffled = [...messages, ...messages.slice(0, 2)]
          .map((message) => ({ message, at: random.next().value }))
          .sort((a, b) => a.at - b.at);
        for (const { message } of shuffled) {
          const { chunk } = parseChunkTopic(message.topic)!;
          expect(assembly.add(chunk, chunkOf(delta, chunk))).toBeNull();
        }
        expect(assembly.missing()).toEqual([]);
        expect(Buffer.compare(assembly.finish(), delta)).toBe(0);
      }),
    );
  });

  it('say which are missing, and refuse foreign ones', () => {
    const delta = bytesOf(3000);
    const assembly = createAssembly(describeDelta(factsOf(delta), chunkBytes));
    expect(assembly.add(1, delta.subarray(1024, 2048))).toBeNull();
    expect(assembly.missing()).toEqual([0, 2]);
    expect(assembly.add(3, delta.subarray(0, 1024))).toMatch(/not one of 3/);
    expect(assembly.add(-1, delta.subarray(0, 1024))).toMatch(/not one of 3/);
    expect(assembly.add(2, delta.subarray(0, 1024))).toMatch(/1024 bytes instead of 952/);
    expect(assembly.received).toBe(1);
  });

  it('do not pass with one bit changed', () => {
    const delta = bytesOf(3000);
    const assembly = createAssembly(describeDelta(factsOf(delta), chunkBytes));
    const changed = delta.slice();
    changed[1500] = (changed[1500] ?? 0) ^ 1;
    for (let chunk = 0; chunk < 3; chunk += 1) assembly.add(chunk, changed.subarray(chunk * 1024, (chunk + 1) * 1024));
    expect(() => assembly.finish()).toThrow(/sha256/);
  });

  it('refuse a manifest whose numbers do not fit together', () => {
    const described = describeDelta(factsOf(bytesOf(3000)), chunkBytes);
    expect(() => createAssembly({ ...described, chunks: 4 })).toThrow(/not 4 chunks/);
  });

  it('of a newer release replace those that still wait', () => {
    const keys = chunkMessages('v2', factsOf(bytesOf(3000)), chunkBytes, 1).map((message) => message.replaceKey);
    expect(keys).toEqual(chunkMessages('v1', factsOf(bytesOf(3000)), chunkBytes, 1).map((message) => message.replaceKey));
    expect(new Set(keys).size).toBe(3);
  });
});

describe('weights inside a deploy command', () => {
  const delta = bytesOf(2000);
  const hash = 'a'.repeat(64);
  const manifest: ModelManifest = {
    timeMs: 1,
    version: 'v1',
    createdAtMs: 1,
    base: { name: 'm', sha256: hash, backbone: hash, cut: 'c' },
    artifact: { bytes: 1, sha256: hash },
    delta: { bytes: 2000, sha256: createHash('sha256').update(delta).digest('hex'), chunks: 2, chunkBytes: 1024 },
    classes: ['a', 'b'],
    learner: 'closed-form',
    origin: 'training',
    run: null,
    scores: { before: null, after: null },
  };
  const base64 = Buffer.from(delta).toString('base64');

  it('are verified', () => {
    expect(Buffer.compare(inlineWeights(manifest, base64).delta, delta)).toBe(0);
    expect(() => inlineWeights(manifest, Buffer.from(delta.subarray(1)).toString('base64'))).toThrow(/1999 bytes/);
    expect(() => inlineWeights(manifest, Buffer.from(delta.toReversed()).toString('base64'))).toThrow(/sha256/);
    expect(() => inlineWeights({ ...manifest, delta: null }, base64)).toThrow(/no weights/);
  });
});
