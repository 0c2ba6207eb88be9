// CSV with a header, JSON lines, or a JSON array of objects → readings: a time and one number a channel each, in the order of the model card. Refuses other columns,
// numbers that are none, times that run backwards, and files over the limits (`sensor-unreadable`, with the line).
import type { SensorInput } from '../config/sensor-input.ts';
import { WhetError } from '../errors.ts';

export interface Readings {
  /** Seconds since the first reading; never decreasing. */
  readonly timesS: Float64Array;
  /** [count, channels] row by row. */
  readonly values: Float32Array;
  readonly count: number;
}

export const maxReadingsBytes = 64 * 1024 * 1024;
const maxReadings = 2_000_000;
const perSecond = { s: 1, ms: 1e3, us: 1e6 } as const;

export function readReadings(bytes: Uint8Array, input: SensorInput): Readings {
  if (bytes.length > maxReadingsBytes)
    throw unreadable(`${Math.round(bytes.length / 1024 / 1024)} MB, over the limit of ${maxReadingsBytes / 1024 / 1024} MB a recording`);
  const lines = textOf(bytes).split(/\r\n|\n|\r/);
  const first = lines.findIndex((line) => line.trim() !== '');
  if (first < 0) throw unreadable('it is empty');
  const [mark] = (lines[first] as string).trimStart();
  const rows =
    mark === '{' ? jsonRows(lines, first, input) : mark === '[' ? arrayRows(lines.join('\n'), input) : csvRows(lines, first, input);
  if (rows.length > maxReadings) throw unreadable(`${rows.length} readings, over the limit of ${maxReadings}`);
  return gather(rows, input);
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

function jsonRows(lines: readonly string[], first: number, input: SensorInput): readonly Row[] {
  const names = wantedNames(input);
  return lines.slice(first).flatMap((text, index): readonly Row[] => {
    const line = first + index + 1;
    return text.trim() === '' ? [] : [rowOf(parsed(text, line), line, names)];
  });
}

/** A JSON array of objects, as programs write that keep a recording in one piece. */
function arrayRows(text: string, input: SensorInput): readonly Row[] {
  const names = wantedNames(input);
  return (parsed(text, 1) as readonly unknown[]).map((record, index) => rowOf(record, index + 1, names));
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

function csvRows(lines: readonly string[], first: number, input: SensorInput): readonly Row[] {
  const header = lines[first] as string;
  const separator = [',', ';', '\t'].find((candidate) => header.includes(candidate)) ?? ',';
  const split = (line: string) => line.split(separator).map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
  const columns = split(header);
  const at = wantedNames(input).map((name) => {
    const column = columns.indexOf(name);
    if (column < 0) throw unreadable(`no column is called '${name}'; the first line is ${excerpt(header)}`);
    return column;
  });
  return lines.slice(first + 1).flatMap((text, index): readonly Row[] => {
    if (text.trim() === '') return [];
    const cells = split(text);
    return [{ line: first + index + 2, cells: at.map((column) => cells[column]) }];
  });
}

function gather(rows: readonly Row[], { channels, time, sampleRate }: SensorInput): Readings {
  const timesS = new Float64Array(rows.length);
  const values = new Float32Array(rows.length * channels.length);
  const firstTime = rows.length === 0 || time === null ? 0 : numberAt(rows[0] as Row, 0, time.column);
  for (const [index, row] of rows.entries()) {
    timesS[index] = time === null ? index / sampleRate : (numberAt(row, 0, time.column) - firstTime) / perSecond[time.unit];
    if (index > 0 && timesS[index]! < timesS[index - 1]!) throw unreadable(`the time runs backwards at reading ${row.line}`);
    const from = time === null ? 0 : 1;
    for (const [channel, { name }] of channels.entries()) values[index * channels.length + channel] = numberAt(row, from + channel, name);
  }
  return { timesS, values, count: rows.length };
}

/** Numbers, and text that is one; an empty cell is none. */
function numberAt({ cells, line }: Row, at: number, name: string): number {
  const cell = cells[at];
  const number = typeof cell === 'number' ? cell : typeof cell === 'string' && cell.trim() !== '' ? Number(cell) : Number.NaN;
  // What a float32 cannot hold is no reading either.
  if (Number.isFinite(number) && Math.abs(number) < 3e38) return number;
  throw unreadable(`'${name}' at line ${line} is not a number: ${excerpt(String(cell))}`);
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw unreadable('it is not text (UTF-8)');
  }
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

export function unreadable(reason: string): WhetError {
  return new WhetError('sensor-unreadable', `the recording cannot be read: ${reason}`, {
    hint: 'CSV with a line of column names, or one JSON object a line; names and units are those of the model card.',
  });
}
