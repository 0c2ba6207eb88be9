// Text for people fits their terminal.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { wrapped } from '../../agent/cli/text.ts';

it('long lines are broken at blanks, and set in below their second column', () => {
  expect(wrapped('training  a training run is under way, 3 new labels', 30)).toBe(
    'training  a training run is\n          under way, 3 new\n          labels',
  );
  expect(wrapped('short\nlines stay', 30)).toBe('short\nlines stay');
});

it('nothing is wider than the terminal, and no word is lost', () => {
  const word = fc.stringMatching(/^[a-z]{1,60}$/);
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 20, max: 100 }),
      fc.boolean(),
      (words, columns, hasColumn) => {
        const line = hasColumn ? `name      ${words.join(' ')}` : words.join(' ');
        const text = wrapped(line, columns);
        expect(Math.max(...text.split('\n').map((each) => each.length))).toBeLessThanOrEqual(columns);
        expect(text.replaceAll(/\s/g, '')).toBe(line.replaceAll(/\s/g, ''));
      },
    ),
  );
});
