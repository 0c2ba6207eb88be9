// Rows that judged, of all draws → accuracies with 95 % intervals, and the line that the study prints of them.
import { proportion } from '../../agent/learn/evaluate.ts';

/** `rows` carry isTaught, before, after, and with an oracle what else could be had. Intervals are those of one draw's rows. */
export function summaryOf(rows, draws) {
  const of = (isTaught, key) => {
    const some = rows.filter((row) => row.isTaught === isTaught);
    return proportion(Math.round(some.filter((row) => row[key]).length / draws), Math.round(some.length / draws));
  };
  const pair = (before, after) => ({
    taught: { before: of(true, before), after: of(true, after) },
    others: { before: of(false, before), after: of(false, after) },
  });
  const all = pair('before', 'after');
  if (rows[0]?.itself === undefined) return all;
  return {
    ...all,
    oracle: { itself: pair('before', 'itself'), beside: pair('before', 'beside'), placed: pair('before', 'placed') },
  };
}

export function lineOf({ model, mode, classes, captures, taught, others, oracle }) {
  const pair = ({ before, after }) => `${(100 * before.value).toFixed(1)} → ${share(after)}`;
  const line = `${model.padEnd(14)} ${`${mode} ${classes}`.padEnd(11)} ${String(captures).padEnd(10)} ${pair(taught).padEnd(40)} ${pair(others)}`;
  if (oracle === undefined) return line;
  const could = (name, { taught, others }) => `${' '.repeat(15)}${name.padEnd(34)}  ${pair(taught).padEnd(28)}  ${pair(others)}`;
  return [
    line,
    could('  trained with the class', oracle.itself),
    could('  beside all captures of the others', oracle.beside),
    could('  this row, placed by the tests', oracle.placed),
  ].join('\n');
}

function share({ value, low, high, samples }) {
  return `${(100 * value).toFixed(1)} % (${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)}, n=${samples})`;
}
