// Recordings → log-mel maps for training, as they might have been: other tempi, levels, places, noises before the front end, and masks, a
// longer or shorter vocal tract, another microphone on the map itself. Maps are bytes (0 to 255 for 0 to 1), because that is what int8 sees.
import { encodeModel } from '../../../agent/onnx/codec/encode.ts';
import { logMelModel, speech8k } from '../../../agent/onnx/made/log-mel.ts';
import { resample } from '../../../agent/preprocess/resample.ts';
import { openSession } from '../../../agent/runtime/session.ts';

export const mels = speech8k.mels;
export const frames = speech8k.samples / speech8k.hop;
const width = mels * frames;
const { samples: length } = speech8k;

/** `draw(random)` a waveform of one window for each of `sounds`, `views` times: { maps: Uint8Array [n, mels·frames], sources: row → sound }. */
export async function drawMaps(sounds, views, random, { noises = [], plain = false } = {}) {
  await using session = await openSession(encodeModel(logMelModel(speech8k)), { label: 'the front end', threads: 1 });
  const count = sounds.length * views;
  const maps = new Uint8Array(count * width);
  const batch = 32;
  for (let from = 0; from < count; from += batch) {
    const rows = Math.min(batch, count - from);
    const data = new Float32Array(rows * length);
    for (let row = 0; row < rows; row += 1) {
      const { samples } = sounds[Math.floor((from + row) / views)];
      data.set(plain ? placed(samples, 0) : varied(samples, random, noises), row * length);
    }
    const { mel } = await session.run({ waveform: { dtype: 'float32', dims: [rows, length], data } });
    for (let at = 0; at < mel.data.length; at += 1) maps[from * width + at] = Math.round(255 * mel.data[at]);
  }
  return maps;
}

function varied(samples, random, noises) {
  const between = (low, high) => low + (high - low) * random();
  const speed = 1.25 ** between(-1, 1);
  const sped = resample(samples, Math.round(speed * 100), 100);
  const window = placed(sped, Math.round(between(-0.1, 0.1) * length));
  if (random() < 0.25) return window;
  const power = sped.reduce((sum, value) => sum + value * value, 0) / sped.length;
  const deviation = Math.sqrt(power) * 10 ** (between(-45, -8) / 20);
  const noise = noises.length > 0 && random() < 0.5 ? noises[Math.floor(random() * noises.length)] : null;
  if (noise === null) return window.map((value) => value + deviation * gaussian(random));
  const from = Math.floor(random() * (noise.length - length));
  const part = noise.subarray(from, from + length);
  const level = Math.sqrt(part.reduce((sum, value) => sum + value * value, 0) / length) || 1;
  return window.map((value, at) => value + (deviation / level) * part[at]);
}

/** The middle of a recording in the middle of the window, moved by so many samples. */
function placed(samples, shift) {
  const window = new Float32Array(length);
  const first = Math.floor((length - samples.length) / 2) + shift;
  for (let at = Math.max(0, -first); at < samples.length && first + at < length; at += 1) window[first + at] = samples[at];
  return window;
}

/** In place, on one map of [0, 1]. */
export function varyMap(map, random) {
  const between = (low, high) => low + (high - low) * random();
  const before = Float32Array.from(map);
  const warp = between(0.88, 1.14);
  const shift = Math.round(between(-8, 8));
  const tilt = between(-0.2, 0.2);
  const floor = random() < 0.5 ? between(0, 0.35) : 0;
  const bend = between(-0.1, 0.1);
  for (let band = 0; band < mels; band += 1) {
    const source = Math.min(mels - 1, band * warp);
    const low = Math.floor(source);
    const part = source - low;
    const high = Math.min(mels - 1, low + 1);
    const place = band / (mels - 1) - 0.5;
    const gain = tilt * place + bend * (4 * place * place - 0.5);
    for (let frame = 0; frame < frames; frame += 1) {
      const from = frame - shift;
      const inside = from >= 0 && from < frames;
      const value = inside ? before[low * frames + from] * (1 - part) + before[high * frames + from] * part : 0;
      map[band * frames + frame] = value === 0 ? 0 : Math.min(1, Math.max(0, (value + gain - floor) / (1 - floor)));
    }
  }
  for (let mask = 0; mask < 2; mask += 1) {
    const [bands, first] = span(random, mels, 5);
    map.fill(0, first * frames, (first + bands) * frames);
    const [wide, start] = span(random, frames, 10);
    for (let band = 0; band < mels; band += 1) map.fill(0, band * frames + start, band * frames + start + wide);
  }
}

function span(random, size, most) {
  const wide = Math.floor(random() * (most + 1));
  return [wide, Math.floor(random() * (size - wide))];
}

function gaussian(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
