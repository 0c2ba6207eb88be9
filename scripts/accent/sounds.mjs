// Recordings in noise, as WAV bytes: what the product would be handed in a worse room.
import { randomOf } from '../../agent/random.ts';
import { sampleRate } from '../models/speech/recordings.mjs';

/** White noise whose power is so many dB below the recording's (negative: louder than it), with half a second of it around the word. */
export function noisy({ samples, digit, index }, belowDb) {
  const random = randomOf(digit * 1000 + index);
  const power = samples.reduce((sum, value) => sum + value * value, 0) / samples.length;
  const deviation = Math.sqrt(power) * 10 ** (-belowDb / 20);
  const margin = sampleRate / 4;
  return Float32Array.from({ length: samples.length + 2 * margin }, (_, at) => {
    const gaussian = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return (samples[at - margin] ?? 0) + deviation * gaussian;
  });
}

/** A WAV file of 32-bit floats. */
export function encodeSound(samples) {
  const data = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + data.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(3, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(4 * sampleRate, 28);
  header.writeUInt16LE(4, 32);
  header.writeUInt16LE(32, 34);
  header.write('data', 36);
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}
