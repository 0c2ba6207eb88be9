// Text for people: aligned tables, percentages with their interval, ages and sizes. Takes values, gives strings.
import type { Proportion } from '../types.ts';

/** Rows of cells → lines with aligned columns; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Lines that are longer than a terminal is wide, broken at blanks and set in below their second column; drawings stay as they are. */
export function wrapped(text: string, columns: number): string {
  return text
    .split('\n')
    .flatMap((line) => (line.length <= columns || line.includes('\x1b') ? [line] : broken(line, columns)))
    .join('\n');
}

function broken(line: string, columns: number): readonly string[] {
  const indent = /^(?:\S+(?: \S+)*)?\s{2,}/.exec(line)?.[0].length ?? 0;
  const margin = ' '.repeat(Math.min(indent, Math.floor(columns / 3)));
  const lines: string[] = [];
  let rest = line;
  while (rest.length > columns) {
    // Not before the text of the line begins: what stands there are blanks of the margin.
    const at = rest.lastIndexOf(' ', columns);
    const cut = at <= margin.length ? columns : at;
    lines.push(rest.slice(0, cut).trimEnd());
    rest = margin + rest.slice(cut).trimStart();
  }
  return [...lines, rest];
}

/** 0.934 of 200 samples → '93.4 % (89.1–96.1, n=200)'. */
export function proportion(value: Proportion | null): string {
  if (value === null) return '–';
  const percent = (share: number) => (100 * share).toFixed(1);
  return `${percent(value.value)} % (${percent(value.low)}–${percent(value.high)}, n=${value.samples})`;
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  if (size < 1024 ** 2) return `${(size / 1024).toFixed(1)} KB`;
  return `${(size / 1024 ** 2).toFixed(1)} MB`;
}

export function ago(timeMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - timeMs) / 1000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

export function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** A matrix of counts as a table: rows true classes, columns predicted ones. */
export function confusionTable(classes: readonly string[], counts: readonly (readonly number[])[]): string {
  const short = classes.map((name) => (name.length > 10 ? `${name.slice(0, 9)}…` : name));
  return table([
    ['true \\ predicted', ...short],
    ...counts.map((row, index) => [short[index] ?? '', ...row.map((count) => (count === 0 ? '·' : String(count)))]),
  ]);
}
