// Prints how fast the store is on this disk; asserts no time, only that all is there.
import { expect, test } from 'vitest';
import { addTo, backbone, temporaryStore } from './fixtures.ts';

test('adds, messages and reads a second (printed)', () => {
  const store = temporaryStore({ samples: { maxUnlabelled: 150, maxBytes: 1e9, maxRawBytes: 1e9 } });
  const features = Float32Array.from({ length: 1280 }, (_, index) => index);
  const raw = new Uint8Array(30_000).fill(9);
  const timed = (what: string, count: number, work: (index: number) => void) => {
    const began = performance.now();
    for (let index = 0; index < count; index += 1) work(index);
    console.log(`${what}: ${Math.round((count * 1000) / (performance.now() - began))} a second`);
  };
  const payload = new Uint8Array(500);
  timed('samples of 5 KB features and 30 KB raw, room to spare', 150, (index) => addTo(store, { features, raw, origin: `a${index}` }));
  timed('the same with an eviction each', 150, (index) => addTo(store, { features, raw, origin: `b${index}` }));
  const message = { topic: 'x', payload, retain: false, timeMs: Date.UTC(2026, 10, 1), replaceKey: null, priority: 'low' } as const;
  timed('messages into the outbox', 150, () => store.outbox.enqueue(message));
  timed('messages acknowledged', 150, (index) => store.outbox.acknowledge(index + 1));
  timed('feature rows read', 150, (index) => index === 0 && expect([...store.features.unlabelled(backbone, 1000)]).toHaveLength(150));
  expect(store.outbox.counters.waiting).toBe(0);
  expect(store.samples.counters.evicted).toBe(150);
});
