// A window of channels → a 64-bit hash of its course: the same recording stored twice has the same hash, another stretch of the same movement
// differs in many bits. A constant window has the hash of its signs.

const parts = 8;

/** Bit (8·row + part): whether a projection of the channels rises from one eighth of the window to the next (for the last, whether it is above 0). */
export function windowHash(data: Float32Array, channels: number, samples: number): bigint {
  let hash = 0n;
  for (let row = 0; row < 8; row += 1) {
    const means = partMeans(data, channels, samples, row);
    const size = Math.max(...means.map(Math.abs));
    for (let part = 0; part < parts; part += 1) {
      const next = part + 1 < parts ? (means[part + 1] as number) : 0;
      const step = part + 1 < parts ? next - (means[part] as number) : (means[part] as number);
      hash = (hash << 1n) | (step > 0.02 * size && size > 0 ? 1n : 0n);
    }
  }
  return hash;
}

/** Means of eighths of Σ ± channel (values and their squares in turn), with signs that differ from row to row. */
function partMeans(data: Float32Array, channels: number, samples: number, row: number): readonly number[] {
  return Array.from({ length: parts }, (_, part) => {
    const from = Math.floor((part * samples) / parts);
    const to = Math.max(from + 1, Math.floor(((part + 1) * samples) / parts));
    let sum = 0;
    for (let channel = 0; channel < channels; channel += 1) {
      const sign = ((channel * 5 + row * 3) >> (row % 3)) % 2 === 0 ? 1 : -1;
      for (let at = from; at < Math.min(to, samples); at += 1) {
        const value = data[channel * samples + at] as number;
        sum += sign * (row % 2 === 0 ? value : value * value);
      }
    }
    return sum / (to - from);
  });
}
