// Samples → a 64-bit hash of how they sound: recordings that are alike differ in few bits. Takes any length; silence has the hash 0.

const times = 9;
/** Centre frequencies of eight bands, Hz; those above half the sample rate repeat the highest usable one. */
const bands = [150, 250, 400, 600, 900, 1300, 1900, 2800];

/** Bit 63 − (8·band + time) is set where a band gets louder from one ninth of the recording to the next. */
export function soundHash(samples: Float32Array, sampleRate: number): bigint {
  let hash = 0n;
  for (const frequency of bands) {
    const energies = energiesOf(samples, Math.min(frequency, 0.45 * sampleRate) / sampleRate);
    const noise = 0.02 * Math.max(...energies);
    for (let time = 0; time + 1 < times; time += 1) {
      hash = (hash << 1n) | ((energies[time + 1] as number) - (energies[time] as number) > noise ? 1n : 0n);
    }
  }
  return hash;
}

/** Energy around a frequency (in cycles a sample) in each ninth, by Goertzel's recurrence on short blocks. */
function energiesOf(samples: Float32Array, frequency: number): Float64Array {
  const energies = new Float64Array(times);
  const coefficient = 2 * Math.cos(2 * Math.PI * frequency);
  const block = 128;
  for (let from = 0; from + block <= samples.length; from += block) {
    let previous = 0;
    let beforeThat = 0;
    for (let at = from; at < from + block; at += 1) {
      const current = (samples[at] as number) + coefficient * previous - beforeThat;
      beforeThat = previous;
      previous = current;
    }
    const time = Math.min(times - 1, Math.floor(((from + block / 2) / samples.length) * times));
    energies[time] = (energies[time] as number) + previous ** 2 + beforeThat ** 2 - coefficient * previous * beforeThat;
  }
  return energies;
}
