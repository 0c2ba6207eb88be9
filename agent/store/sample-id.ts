// Sample ids: 11 characters a person can type, sorted like the time of arrival, and at the same time the row number in the database.
// Refuses text that is no id by giving null.
import { randomInt } from 'node:crypto';

/** Crockford's base 32: no I, L, O, U. */
const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const length = 11;
/** 12 random bits below the milliseconds: 41 + 12 = 53 bits, the largest whole numbers that JavaScript holds, until the year 2089. */
const perMillisecond = 4096;
const beginMs = Date.UTC(2020, 0, 1);

/** The next row number; larger than `last` also where the clock went back or had never been set. */
export function nextRow(nowMs: number, last: number): number {
  return Math.max(firstRowAt(nowMs) + randomInt(perMillisecond), last + 1);
}

/** The smallest row number that can come of this time. */
export function firstRowAt(timeMs: number): number {
  return Math.max(0, Math.floor(timeMs) - beginMs) * perMillisecond;
}

export function idOfRow(row: number): string {
  let id = '';
  for (let rest = row, place = 0; place < length; place += 1, rest = Math.floor(rest / 32)) id = digits[rest % 32] + id;
  return id;
}

export function rowOfId(id: string): number | null {
  // One letter that becomes two in capitals (ß) would make another id of the same row.
  if (id.length !== length || !/^[0-9a-z]+$/i.test(id)) return null;
  let row = 0;
  for (const character of id.toUpperCase()) {
    const digit = digits.indexOf(character);
    if (digit < 0) return null;
    row = row * 32 + digit;
  }
  return Number.isSafeInteger(row) ? row : null;
}

/** First and last row whose ids begin like this; null where none can. */
export function rowsStarting(prefix: string): { readonly first: number; readonly last: number } | null {
  const first = rowOfId(prefix.padEnd(length, '0'));
  if (prefix === '' || first === null) return null;
  return { first, last: Math.min(Number.MAX_SAFE_INTEGER, first + 32 ** (length - prefix.length) - 1) };
}
