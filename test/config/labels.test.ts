import { describe, expect, it } from 'vitest';
import { classNames } from '../../agent/config/labels.ts';

describe('names of classes', () => {
  it('are those of the card, or numbers where it has none', () => {
    expect(classNames(['a', 'b', 'c'], 3)).toEqual(['a', 'b', 'c']);
    expect(classNames([], 2)).toEqual(['class 0', 'class 1']);
  });

  it('of a model of one score may be told by one', () => {
    expect(classNames(['hey jarvis'], 2)).toEqual(['not hey jarvis', 'hey jarvis']);
  });

  it('must be as many as there are classes', () => {
    for (const [labels, count] of [
      [['a', 'b'], 3],
      [['a', 'b', 'c'], 2],
      [['a'], 3],
    ] as const)
      expect(() => classNames(labels, count)).toThrow(
        expect.objectContaining({ code: 'card-invalid', message: expect.stringContaining(`names ${labels.length}`) }),
      );
  });
});
