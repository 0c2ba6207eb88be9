// int64 between file and program: numbers where a number holds them, the exact value beside it where it does not. A number beyond the range
// of the type becomes its nearest end, never a wrapped one.
import type { Attribute } from '../ir.ts';

const most = 2n ** 63n - 1n;
const least = -(2n ** 63n);

type IntAttribute = Extract<Attribute, { kind: 'int' }>;
type IntsAttribute = Extract<Attribute, { kind: 'ints' }>;

/** The int64 nearest to a whole number. */
export function toInt64(value: number): bigint {
  if (Number.isSafeInteger(value)) return BigInt(value);
  if (value >= 2 ** 63) return most;
  return value <= -(2 ** 63) ? least : BigInt(Math.trunc(value));
}

export function intAttribute(value: bigint): IntAttribute {
  return isSafe(value) ? { kind: 'int', value: Number(value) } : { kind: 'int', value: Number(value), exact: value };
}

export function intsAttribute(values: readonly bigint[]): IntsAttribute {
  const numbers = { kind: 'ints' as const, value: values.map(Number) };
  return values.every(isSafe) ? numbers : { ...numbers, exact: values };
}

/** The values of an integer attribute as the file has them. */
export function int64s(attribute: IntAttribute | IntsAttribute): BigInt64Array<ArrayBuffer> {
  if (attribute.kind === 'int') return BigInt64Array.of(attribute.exact ?? toInt64(attribute.value));
  return BigInt64Array.from(attribute.exact ?? attribute.value.map(toInt64));
}

function isSafe(value: bigint): boolean {
  return BigInt.asIntN(54, value) === value;
}
