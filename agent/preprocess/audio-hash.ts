// Samples → a 64-bit hash of how they sound: the same sound recorded again differs in few bits, another word in many. Takes any length;
// silence has the hash 0.

const times = 9;
/** Centre frequencies of eight bands, Hz; those above half the sample rate repeat the highest usable one. */
const bands = [150, 250, 400, 600, 900, 1300, 1900, 2800];
const blockLength = 128;
/** Blocks with less of the loudest block's energy than this are the silence around a sound. */
const silence = 0.01;

/** Bit 63 − (8·band + time) is set where a band gets louder from one ninth of the sound to the next. */
export function soundHash(samples: Float32Array, sampleRate: number): bigint {
  const sound = withoutSilence(samples);
  let hash = 0n;
  for (const frequency of bands) {
    const energies = energiesOf(sound, Math.min(frequency, 0.45 * sampleRate) / sampleRate);
    const noise = 0.01 * Math.max(...energies);
    for (let time = 0; time + 1 < times; time += 1) {
      hash = (hash << 1n) | ((energies[time + 1] as number) - (energies[time] as number) > noise ? 1n : 0n);
    }
  }
  return hash;
}

function withoutSilence(samples: Float32Array): Float32Array {
  const energies = Array.from({ length: Math.floor(samples.length / blockLength) }, (_, block) =>
    samples.subarray(block * blockLength, (block + 1) * blockLength).reduce((sum, value) => sum + value ** 2, 0),
  );
  const least = silence * energies.reduce((most, energy) => Math.max(most, energy), 0);
  const isSound = (energy: number) => energy > least;
  const first = energies.findIndex(isSound);
  return first < 0 ? samples.subarray(0, 0) : samples.subarray(first * blockLength, (energies.findLastIndex(isSound) + 1) * blockLength);
}

/** Energy around a frequency (in cycles a sample) in each ninth, by Goertzel's recurrence on short blocks that overlap where there are few. */
function energiesOf(samples: Float32Array, frequency: number): Float64Array {
  const energies = new Float64Array(times);
  const coefficient = 2 * Math.cos(2 * Math.PI * frequency);
  const hop = Math.max(1, Math.min(blockLength, Math.floor(samples.length / (2 * times))));
  for (let from = 0; from + blockLength <= samples.length; from += hop) {
    let previous = 0;
    let beforeThat = 0;
    for (let at = from; at < from + blockLength; at += 1) {
      const current = (samples[at] as number) + coefficient * previous - beforeThat;
      beforeThat = previous;
      previous = current;
    }
    const time = Math.min(times - 1, Math.floor(((from + blockLength / 2) / samples.length) * times));
    energies[time] = (energies[time] as number) + previous ** 2 + beforeThat ** 2 - coefficient * previous * beforeThat;
  }
  return energies;
}
