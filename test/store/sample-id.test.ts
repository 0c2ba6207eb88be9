import fc from 'fast-check';
import { expect, test } from 'vitest';
import { firstRowAt, idOfRow, nextRow, rowOfId } from '../../agent/store/sample-id.ts';

test('an id and its row number lead to each other, and sort alike', () => {
  const row = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(row, row, (a, b) => {
      expect(rowOfId(idOfRow(a))).toBe(a);
      expect(idOfRow(a) < idOfRow(b)).toBe(a < b);
    }),
  );
});

test('rows keep the time, and never repeat', () => {
  const now = Date.UTC(2026, 10, 1);
  expect(nextRow(now, 0)).toBeGreaterThanOrEqual(firstRowAt(now));
  expect(nextRow(now, 0)).toBeLessThan(firstRowAt(now + 1));
  expect(nextRow(0, 500)).toBeGreaterThan(500);
  expect(Number.isSafeInteger(nextRow(Date.UTC(2088, 0, 1), 0))).toBe(true);
});

test('text that is no id has no row', () => {
  const isId = (text: string) => /^[0-9A-HJKMNP-TV-Z]{11}$/i.test(text);
  fc.assert(fc.property(fc.string({ maxLength: 20 }), (text) => isId(text) || rowOfId(text) === null));
  expect(rowOfId('ZZZZZZZZZZZ')).toBeNull();
  // In capitals it would be the id of another row.
  expect(rowOfId('068BB49ß917')).toBeNull();
  expect(rowOfId('0000000000u')).toBeNull();
  expect(rowOfId('0000000000a')).toBe(10);
});
