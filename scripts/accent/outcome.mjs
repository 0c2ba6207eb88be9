// Hits of repeated draws → a mean with an interval, and a line of a table. Draws and test recordings are both samples, so both are resampled.
import { randomOf } from '../../agent/random.ts';

const resamples = 400;

/** `draws` is a list of lists of booleans, one list a draw, over the same test recordings. 95 % by the bootstrap (Efron 1979) over both. */
export function outcomeOf(draws) {
  const random = randomOf(1);
  const rows = draws[0]?.length ?? 0;
  const value = meanOf(draws.map((hits) => meanOf(hits)));
  const pick = (count) => Array.from({ length: count }, () => Math.floor(random() * count));
  const means = Array.from({ length: resamples }, () => {
    const chosen = pick(rows);
    return meanOf(pick(draws.length).map((draw) => meanOf(chosen.map((row) => draws[draw][row]))));
  }).sort((a, b) => a - b);
  return {
    value,
    low: means[Math.floor(0.025 * resamples)] ?? value,
    high: means[Math.floor(0.975 * resamples)] ?? value,
    draws: draws.length,
    rows,
  };
}

export function shown({ value, low, high }) {
  return `${value.toFixed(3)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}

export function table(title, columns, rows) {
  const cells = [columns, ...rows].map((row) => row.map(String));
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [`\n${title}\n`, line(cells[0]), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...cells.slice(1).map(line)].join(
    '\n',
  );
}

export function meanOf(values) {
  return values.reduce((sum, value) => sum + Number(value), 0) / Math.max(1, values.length);
}
