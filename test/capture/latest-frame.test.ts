import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLatestFrame } from '../../agent/capture/latest-frame.ts';

const sleep = (durationMs: number) => vi.advanceTimersByTimeAsync(durationMs);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function open(intervalMs: number, take: (n: number) => Promise<void> = async () => {}) {
  const taken: number[] = [];
  let [dropped, passedOver] = [0, 0];
  const outlet = createLatestFrame(intervalMs, (frame) => take(frame.timeMs), {
    taken: (frame) => void taken.push(frame.timeMs),
    dropped: () => {
      dropped += 1;
    },
    passedOver: () => {
      passedOver += 1;
    },
  });
  return {
    outlet,
    taken,
    dropped: () => dropped,
    passedOver: () => passedOver,
    offer: (n: number) => outlet.offer({ bytes: new Uint8Array(1), timeMs: n, moment: '1' }),
  };
}

describe('the latest frame', () => {
  test('of many within an interval the first and then the newest are taken, the rest is counted', async () => {
    const { offer, taken, passedOver, outlet } = open(100);
    for (let n = 1; n <= 10; n += 1) offer(n);
    await sleep(99);
    expect(taken).toEqual([1]);
    await sleep(1);
    expect(taken).toEqual([1, 10]);
    expect(passedOver()).toBe(8);
    outlet.close();
  });

  test('25 frames a second become 5, on time', async () => {
    const { offer, taken, passedOver, outlet } = open(200);
    for (let n = 0; n < 50; n += 1) {
      offer(n);
      await sleep(40);
    }
    expect(taken).toHaveLength(11);
    expect(passedOver()).toBe(39);
    outlet.close();
  });

  test('nothing is handed out while the frame before is being taken', async () => {
    let release = () => {};
    const { offer, taken, outlet } = open(1, () => new Promise((resolve) => (release = resolve)));
    offer(1);
    offer(2);
    offer(3);
    await sleep(20);
    expect(taken).toEqual([]);
    release();
    await sleep(20);
    release();
    await sleep(5);
    expect(taken).toEqual([1, 3]);
    outlet.close();
  });

  test('a frame that cannot be taken is counted, and the next one goes', async () => {
    const { offer, taken, dropped, outlet } = open(1, async (n) => {
      if (n === 1) throw new Error('no');
    });
    offer(1);
    await sleep(10);
    offer(2);
    await sleep(10);
    expect({ taken, dropped: dropped() }).toEqual({ taken: [2], dropped: 1 });
    outlet.close();
  });

  test('after closing nothing comes', async () => {
    const { offer, taken, outlet } = open(30);
    offer(1);
    offer(2);
    outlet.close();
    offer(3);
    await sleep(50);
    expect(taken).toEqual([1]);
  });
});
