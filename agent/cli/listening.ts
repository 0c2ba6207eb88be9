// False accepts and misses of a model that listens → lines of text.
import type { ListeningReport } from '../types.ts';

export function listeningLines({ background, falseAccepts, missed }: ListeningReport): readonly string[] {
  const rate = (value: number) => (value >= 10 ? value.toFixed(0) : value.toFixed(1));
  const lines: string[] = [];
  if (falseAccepts !== null) {
    const { count, seconds, perHour, low, high } = falseAccepts;
    const length = seconds < 600 ? `${seconds.toFixed(0)} s` : `${(seconds / 3600).toFixed(2)} h`;
    lines.push(
      `accepts   ${count} false in ${length} of ${background.join(', ')}: ${rate(perHour)} an hour (95 % interval ${rate(low)} to ${rate(high)})`,
    );
  }
  if (missed !== null)
    lines.push(
      `misses    ${missed.count} of ${missed.samples}, ${(100 * missed.value).toFixed(1)} % (95 % interval ${(100 * missed.low).toFixed(1)} to ${(100 * missed.high).toFixed(1)})`,
    );
  return lines;
}
