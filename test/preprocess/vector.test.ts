import { describe, expect, it } from 'vitest';
import { preprocessVector } from '../../agent/preprocess/vector.ts';

const input = { kind: 'vector', values: 3, mean: [1], std: [1, 2, 4] } as const;
const read = (text: string) => preprocessVector(Buffer.from(text), { ...input, mean: [...input.mean], std: [...input.std] });

describe('a file of numbers', () => {
  it('is a line of CSV, numbers one below the other, or a JSON list', () => {
    for (const text of ['2, 3, 5\n', '2;3;5', '2\n3\n5\n', 'a,b,c\r\n2,3,5\r\n', '[2, 3, 5]', '[[2], [3], [5]]'])
      expect(read(text).data).toEqual(Float32Array.of(1, 1, 1));
  });

  it('is refused where it holds other numbers, or something else', () => {
    for (const [text, why] of [
      ['1,2', /2 numbers; the model takes 3/],
      ['', /0 numbers/],
      ['1,x,3', /value 2 is not a number/],
      ['[1, 2, "3"]', /value 3 is not a number/],
      ['[1, 2', /begins like a JSON list/],
      ['1e300,1,1', /value 1/],
    ] as const)
      expect(() => read(text)).toThrow(expect.objectContaining({ code: 'sensor-unreadable', message: expect.stringMatching(why) }));
  });
});
