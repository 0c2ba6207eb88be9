// A file of numbers → the vector that the model card describes: one line of CSV (a line of names before it is passed over), numbers one below the
// other, or a JSON list. Refuses other counts and what is no number (`sensor-unreadable`).
import type { VectorInput } from '../config/vector-input.ts';
import { unreadable } from './readings.ts';
import { windowHash } from './window-hash.ts';

const maxBytes = 16 * 1024 * 1024;

export function preprocessVector(bytes: Uint8Array, input: VectorInput): { readonly data: Float32Array; readonly hash: bigint } {
  if (bytes.length > maxBytes) throw unreadable(`${bytes.length} bytes, over the limit of ${maxBytes} bytes a vector`);
  const numbers = numbersOf(new TextDecoder().decode(bytes).trim());
  if (numbers.length !== input.values) throw unreadable(`it holds ${numbers.length} numbers; the model takes ${input.values}`);
  const at = (list: readonly number[], index: number, otherwise: number) => list[list.length === 1 ? 0 : index] ?? otherwise;
  const data = Float32Array.from(numbers, (value, index) => (value - at(input.mean, index, 0)) / at(input.std, index, 1));
  const unreal = data.findIndex((value) => !Number.isFinite(value));
  if (unreal >= 0) throw unreadable(`value ${unreal + 1} is not a number, or too large after mean and std`);
  return { data, hash: windowHash(data, 1, data.length) };
}

function numbersOf(text: string): readonly number[] {
  if (text.startsWith('[')) {
    try {
      const list: unknown = JSON.parse(text);
      if (Array.isArray(list)) return list.flat().map((value) => (typeof value === 'number' ? value : Number.NaN));
    } catch {
      throw unreadable('it begins like a JSON list and is none');
    }
  }
  const rows = text.split(/\r\n|\n|\r/).map((line) =>
    line
      .trim()
      .split(/[\s,;]+/)
      .filter((cell) => cell !== ''),
  );
  const hasNames = rows.length > 1 && rows[0]?.every((cell) => Number.isNaN(Number(cell))) === true;
  return rows
    .slice(hasNames ? 1 : 0)
    .flat()
    .map(Number);
}
