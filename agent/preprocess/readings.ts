// CSV with a header, JSON lines, or a JSON array of objects → readings: a time and one number a channel each, in the order of the model card. One
// reading is looked at at a time. Refuses other columns, numbers that are none, times that run backwards, and files over the limits
// (`sensor-unreadable`, with the line).
import { isUtf8 } from 'node:buffer';
import type { SensorInput } from '../config/sensor-input.ts';
import { WhetError } from '../errors.ts';
import { jsonElements } from './json-elements.ts';
import { separatorOf, splitLine, textLines } from './text-lines.ts';

export interface Readings {
  /** Seconds since the first reading; never decreasing. */
  readonly timesS: Float64Array;
  /** [count, channels] row by row. */
  readonly values: Float32Array;
  readonly count: number;
}

const maxReadingsBytes = 64 * 1024 * 1024;
const maxReadings = 2_000_000;
/** 64 MB of them. */
const maxNumbers = 2 ** 24;
const longestLine = 64 * 1024;
const perSecond = { s: 1, ms: 1e3, us: 1e6 } as const;

export function readReadings(bytes: Uint8Array, input: SensorInput): Readings {
  if (bytes.length > maxReadingsBytes)
    throw unreadable(`${Math.round(bytes.length / 1024 / 1024)} MB, over the limit of ${maxReadingsBytes / 1024 / 1024} MB a recording`);
  if (!isUtf8(bytes)) throw unreadable('it is not text (UTF-8)');
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const text = hasMark ? bytes.subarray(3) : bytes;
  const kept = createKept(input);
  for (const row of rowsOf(text, wantedNames(input))) kept.add(row);
  return kept.all();
}

interface Row {
  /** From 1. */
  readonly line: number;
  /** The time (where there is one), then the channels. */
  readonly cells: readonly unknown[];
}

function wantedNames({ time, channels }: SensorInput): readonly string[] {
  return [...(time === null ? [] : [time.column]), ...channels.map(({ name }) => name)];
}

function* rowsOf(text: Uint8Array, names: readonly string[]): Generator<Row> {
  const lines = textLines(text, longestLine, (line) => unreadable(`line ${line} is longer than ${longestLine / 1024} KB`));
  const begin = text.findIndex((byte) => byte > 0x20);
  if (begin < 0) throw unreadable('it is empty');
  const mark = String.fromCharCode(text[begin]!);
  if (mark === '{') {
    for (const { text: record, line } of lines) yield rowOf(parsed(record, line), line, names);
  } else if (mark === '[') {
    let line = 0;
    for (const record of jsonElements(text.subarray(begin), longestLine, unreadable)) {
      line += 1;
      yield rowOf(parsed(record, line), line, names);
    }
  } else yield* csvRows(lines, names);
}

function parsed(text: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unreadable(`line ${line} is not JSON: ${excerpt(text)}`);
  }
}

function rowOf(record: unknown, line: number, names: readonly string[]): Row {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) throw unreadable(`reading ${line} is not a JSON object`);
  const missing = names.find((name) => !Object.hasOwn(record, name));
  if (missing !== undefined) throw unreadable(`reading ${line} has no '${missing}'`);
  return { line, cells: names.map((name) => (record as Readonly<Record<string, unknown>>)[name]) };
}

/** A decimal comma, as programs in many languages write it. */
const decimalComma = /^[+-]?\d*,\d+(e[+-]?\d+)?$/i;

function* csvRows(lines: Iterable<{ readonly text: string; readonly line: number }>, names: readonly string[]): Generator<Row> {
  let columns: readonly string[] | null = null;
  let at: readonly number[] = [];
  let separator = ',';
  for (const { text, line } of lines) {
    if (columns === null) {
      // The line by which Excel is told the separator.
      if (/^sep=.$/.test(text.trim())) continue;
      separator = separatorOf(text);
      const header = splitLine(text, separator);
      columns = header;
      at = names.map((name) => {
        const column = header.indexOf(name);
        if (column < 0) throw unreadable(`no column is called '${name}'; the first line is ${excerpt(text)}`);
        return column;
      });
      continue;
    }
    const cells = splitLine(text, separator);
    if (cells.length > columns.length && cells.slice(columns.length).some((cell) => cell !== ''))
      throw unreadable(`line ${line} has ${cells.length} cells for ${columns.length} columns: decimal commas, or commas in a text?`);
    const wanted = at.map((column) => cells[column]);
    // Where cells are not separated by commas, a comma can be nothing else.
    yield {
      line,
      cells: separator === ',' ? wanted : wanted.map((cell) => (decimalComma.test(cell ?? '') ? cell?.replace(',', '.') : cell)),
    };
  }
}

/** Grows in place: gathering rows and copying them would take them twice. */
function createKept({ channels, time, sampleRate }: SensorInput) {
  const most = Math.min(maxReadings, Math.floor(maxNumbers / channels.length));
  const times = new ArrayBuffer(0, { maxByteLength: most * Float64Array.BYTES_PER_ELEMENT });
  const numbers = new ArrayBuffer(0, { maxByteLength: most * channels.length * Float32Array.BYTES_PER_ELEMENT });
  let [timesS, values] = [new Float64Array(times), new Float32Array(numbers)];
  let [count, firstTime] = [0, 0];
  function grow(): void {
    const size = Math.min(most, Math.max(1024, 2 * count));
    times.resize(size * Float64Array.BYTES_PER_ELEMENT);
    numbers.resize(size * channels.length * Float32Array.BYTES_PER_ELEMENT);
    // Of a fixed length: those that follow their buffer's are slower.
    [timesS, values] = [new Float64Array(times, 0, size), new Float32Array(numbers, 0, size * channels.length)];
  }
  return {
    add(row: Row): void {
      if (count === most) throw unreadable(`more than ${most} readings, the limit for ${channels.length} channels`);
      if (count === timesS.length) grow();
      const at = time === null ? 0 : numberAt(row, 0, time.column);
      if (count === 0) firstTime = at;
      timesS[count] = time === null ? count / sampleRate : (at - firstTime) / perSecond[time.unit];
      if (count > 0 && timesS[count]! < timesS[count - 1]!) throw unreadable(`the time runs backwards at reading ${row.line}`);
      const from = time === null ? 0 : 1;
      for (const [channel, { name }] of channels.entries()) values[count * channels.length + channel] = numberAt(row, from + channel, name);
      count += 1;
    },
    all: (): Readings => ({ timesS: timesS.subarray(0, count), values: values.subarray(0, count * channels.length), count }),
  };
}

/** Numbers, and text that is one; an empty cell is none. */
function numberAt({ cells, line }: Row, at: number, name: string): number {
  const cell = cells[at];
  const number = typeof cell === 'number' ? cell : typeof cell === 'string' && cell.trim() !== '' ? Number(cell) : Number.NaN;
  // What a float32 cannot hold is no reading either.
  if (Number.isFinite(number) && Math.abs(number) < 3e38) return number;
  if (cell === undefined) throw unreadable(`'${name}' at line ${line} is missing`);
  throw unreadable(`'${name}' at line ${line} is not a number: ${excerpt(typeof cell === 'string' ? cell : JSON.stringify(cell))}`);
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

export function unreadable(reason: string): WhetError {
  return new WhetError('sensor-unreadable', `the recording cannot be read: ${reason}`, {
    hint: 'CSV with a line of column names, or one JSON object a line; names and units are those of the model card.',
  });
}
