// The batch that a fit can afford: as wished where there is room, halves of it where there is less, a named error where there is none.

import { freemem, totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { plainLoss } from '../../../agent/autodiff/loss.ts';
import { planMemory } from '../../../agent/autodiff/memory.ts';
import { adamW } from '../../../agent/autodiff/optimizers.ts';
import { availableMemory, batchThatFits } from '../../../agent/learn/gradient/room.ts';
import { floats, node } from '../../../agent/onnx/made/build.ts';
import { tailOf } from '../../autodiff/training.ts';

const tail = tailOf(
  [8, 16, 16],
  [node('Conv', ['x', 'w'], ['c']), node('GlobalAveragePool', ['c'], ['p']), node('Flatten', ['p'], ['z'])],
  'z',
  { w: floats([64, 8, 1, 1], 0.1) },
);
const wish = { batch: 32, samples: 50, classes: 64, courses: 1 };
const needed = (batch: number) => {
  const options = { batch, loss: { ...plainLoss(wish.classes), anchor: 1 }, optimizer: adamW };
  const { totalBytes, featuresBytes } = planMemory(tail, options, wish);
  return 1.5 * (totalBytes - featuresBytes / 2);
};

const free = (bytes: number) => ({ planned: bytes, available: bytes });

describe('the batch that fits', () => {
  it('is the wished one where there is room for one and a half times its plan', () => {
    expect(batchThatFits(tail, wish, free(needed(32)))).toBe(32);
    expect(batchThatFits(tail, wish, free(1e12))).toBe(32);
  });

  it('is halved until it fits', () => {
    expect(batchThatFits(tail, wish, free(needed(32) - 1))).toBe(16);
    expect(batchThatFits(tail, wish, free(needed(16) - 1))).toBe(8);
    expect(batchThatFits(tail, wish, free(needed(4)))).toBe(4);
  });

  it('is refused below the smallest, with both numbers and what to do', () => {
    expect(() => batchThatFits(tail, wish, free(needed(4) - 1))).toThrow(
      expect.objectContaining({
        code: 'memory-short',
        message: expect.stringMatching(/batches of 4 .*available/),
        hint: expect.stringMatching(/fewer layers/),
      }),
    );
  });

  it('may be smaller than that where it is wished so', () => {
    expect(batchThatFits(tail, { ...wish, batch: 2 }, free(needed(2)))).toBe(2);
    expect(() => batchThatFits(tail, { ...wish, batch: 2 }, free(needed(2) - 1))).toThrow(/available/);
  });
});

describe('a batch that was planned for other memory', () => {
  it('is taken whatever is free', () => {
    expect(batchThatFits(tail, wish, { planned: needed(32) - 1, available: 1e12 })).toBe(16);
    expect(batchThatFits(tail, wish, { planned: 1e12, available: needed(32) })).toBe(32);
  });

  it('is refused where it has no room, and no other taken', () => {
    expect(() => batchThatFits(tail, wish, { planned: 1e12, available: needed(32) - 1 })).toThrow(
      expect.objectContaining({ code: 'memory-short', message: expect.stringMatching(/again in the batches of 32 /) }),
    );
  });
});

describe('what is available', () => {
  it('is no more than the machine has free, and something', () => {
    expect(availableMemory()).toBeGreaterThan(0);
    expect(availableMemory()).toBeLessThanOrEqual(Math.max(freemem(), totalmem()));
  });
});
