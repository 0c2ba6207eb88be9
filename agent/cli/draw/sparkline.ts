// Numbers → one line of characters that rises and falls as they do; and a line a channel for the readings of a sensor.

const steps = '▁▂▃▄▅▆▇█';

/** At most `width` characters, each the mean of what falls into it. */
export function sparkline(values: ArrayLike<number>, width: number): string {
  const count = Math.min(width, values.length);
  const means = Array.from({ length: count }, (_, at) => {
    const [from, to] = [Math.floor((at * values.length) / count), Math.max(1, Math.floor(((at + 1) * values.length) / count))];
    let sum = 0;
    for (let index = from; index < to; index += 1) sum += values[index]!;
    return sum / Math.max(1, to - from);
  });
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const step = (value: number) => (high > low ? Math.round(((value - low) / (high - low)) * (steps.length - 1)) : 3);
  return means.map((value) => steps[step(value)]).join('');
}

export interface Curve {
  readonly name: string;
  readonly unit: string;
  readonly values: Float32Array;
}

export function sparklines(curves: readonly Curve[], columns: number): string {
  const names = curves.map(({ name, unit }) => (unit === '' ? name : `${name} [${unit}]`));
  const widest = Math.max(0, ...names.map((name) => name.length));
  return curves
    .map(({ values }, at) => {
      const [low, high] = values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
      const range = `${low.toPrecision(3)} to ${high.toPrecision(3)}`;
      return `${names[at]!.padEnd(widest)}  ${sparkline(values, Math.max(8, Math.min(64, columns - widest - range.length - 5)))}  ${range}`;
    })
    .join('\n');
}
