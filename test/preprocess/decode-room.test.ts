import { describe, expect, it } from 'vitest';
import { createRoom, decodingBudget } from '../../agent/preprocess/decode-room.ts';

const mib = 2 ** 20;

describe('the memory for decoding', () => {
  it('is a quarter of the board, within bounds', () => {
    expect(decodingBudget(64 * mib)).toBe(48 * mib);
    expect(decodingBudget(512 * mib)).toBe(128 * mib);
    expect(decodingBudget(64 * 1024 * mib)).toBe(256 * mib);
  });
});

describe('the room', () => {
  it('never holds more than fits, lets everybody in, in order, and the largest alone', async () => {
    const room = createRoom(10);
    let inside = 0;
    const order: number[] = [];
    const costs = [4, 4, 4, 50, 1, 9, 1];
    await Promise.all(
      costs.map((cost, index) =>
        room.within(cost, async () => {
          order.push(index);
          inside += Math.min(cost, 10);
          expect(inside).toBeLessThanOrEqual(10);
          await new Promise((resolve) => setTimeout(resolve, 5));
          inside -= Math.min(cost, 10);
        }),
      ),
    );
    expect(order).toEqual(costs.map((_, index) => index));
  });

  it('is left also by work that fails', async () => {
    const room = createRoom(1);
    await expect(room.within(1, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(room.within(1, async () => 'in')).resolves.toBe('in');
  });
});
