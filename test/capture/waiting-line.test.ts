import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createWaitingLine } from '../../agent/capture/waiting-line.ts';

/** A line whose taker waits until it is let go. */
function open(longest: number, mostBytes: number) {
  const taken: number[] = [];
  let dropped = 0;
  let go = Promise.withResolvers<void>();
  const line = createWaitingLine<number>({ longest, mostBytes, sizeOf: (size) => size }, () => go.promise, {
    taken: (item) => taken.push(item),
    dropped: () => {
      dropped += 1;
    },
  });
  const letGo = async () => {
    const { resolve } = go;
    go = Promise.withResolvers();
    go.resolve();
    resolve();
    for (let turn = 0; turn < 500; turn += 1) await Promise.resolve();
  };
  return { line, taken, letGo, dropped: () => dropped };
}

describe('a waiting line', () => {
  it('holds so many items and so many bytes beside the one being taken; the newest stay, in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 16 }),
        fc.integer({ min: 1, max: 200 }),
        async (sizes, longest, mostBytes) => {
          const { line, taken, letGo, dropped } = open(longest, mostBytes);
          for (const size of sizes) line.offer(size);
          await letGo();
          const waited = taken.slice(1);
          expect(taken.length + dropped()).toBe(sizes.length);
          expect(taken).toEqual([...sizes.slice(0, 1), ...(waited.length === 0 ? [] : sizes.slice(-waited.length))]);
          expect(waited.length).toBeLessThanOrEqual(longest);
          if (waited.length > 1) expect(waited.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(mostBytes);
          if (sizes.length > 1) expect(waited.length).toBeGreaterThan(0);
        },
      ),
    );
  });

  it('hands out nothing after it is closed', async () => {
    const { line, taken, letGo } = open(4, 100);
    for (const size of [1, 2, 3]) line.offer(size);
    line.close();
    line.offer(4);
    await letGo();
    expect(taken).toEqual([1]);
  });
});
