// A capture → lines for a terminal: a picture as it is, a recording as its spectrogram, readings as curves. Takes the bytes and how the model
// takes them; throws what the decoders say of bytes that are no good.
import type { InputSpec } from '../../config/card.ts';
import { readSound } from '../../preprocess/audio.ts';
import { encodePng, fittedPixels, type Pixels } from '../../preprocess/picture.ts';
import { readReadings } from '../../preprocess/readings.ts';
import { preprocessVector } from '../../preprocess/vector.ts';
import { cellsFor, colourDepth, type Drawing, type Terminal } from './canvas.ts';
import { asITerm2, asKitty } from './inline-picture.ts';
import { asBlocks, asPlain, asSixel } from './pixels.ts';
import { sparkline, sparklines } from './sparkline.ts';
import { spectrogram } from './spectrogram.ts';

/** What a cell is taken to measure, where pixels are shown. */
const cellPx = { width: 10, height: 20 };
/** Speech, knocks and motors lie below its half; what the model takes may be finer. */
const spectrogramRate = 16_000;
const spectrogramAspect = 4;

export async function drawCapture(bytes: Uint8Array, input: InputSpec, drawing: Drawing, terminal: Terminal): Promise<string> {
  switch (input.kind) {
    case 'image':
      return drawPixels(await sized(bytes, drawing, terminal), drawing, terminal);
    case 'audio': {
      const sound = await readSound(bytes, spectrogramRate);
      const { columns, rows } = cellsFor(terminal, spectrogramAspect);
      const [width, height] = isFine(drawing) ? [columns * cellPx.width, rows * cellPx.height] : [columns, rows * 2];
      const seconds = (sound.length / spectrogramRate).toFixed(1);
      return `${await drawPixels(spectrogram(sound, spectrogramRate, width, height), drawing, terminal)}\n${seconds} s to the right, ${spectrogramRate / 2000} kHz upwards`;
    }
    case 'sensor': {
      const { values, count, timesS } = readReadings(bytes, input);
      const curves = input.channels.map(({ name, unit = '' }, channel) => {
        return { name, unit, values: Float32Array.from({ length: count }, (_, at) => values[at * input.channels.length + channel]!) };
      });
      return `${sparklines(curves, terminal.columns)}\n${(timesS.at(-1) ?? 0).toFixed(1)} s, ${count} readings`;
    }
    case 'vector':
      return sparkline(preprocessVector(bytes, { ...input, mean: [], std: [] }).data, Math.min(96, terminal.columns - 1));
  }
}

function isFine(drawing: Drawing): boolean {
  return drawing === 'kitty' || drawing === 'iterm2' || drawing === 'sixel';
}

async function sized(bytes: Uint8Array, drawing: Drawing, terminal: Terminal): Promise<Pixels> {
  const most = cellsFor(terminal, 100);
  const rows = cellsFor(terminal, 0.01).rows;
  if (isFine(drawing)) return fittedPixels(bytes, { width: most.columns * cellPx.width, height: rows * cellPx.height });
  return fittedPixels(bytes, { width: most.columns, height: rows * 2 });
}

async function drawPixels(pixels: Pixels, drawing: Drawing, terminal: Terminal): Promise<string> {
  const cells = { columns: Math.ceil(pixels.width / cellPx.width), rows: Math.ceil(pixels.height / cellPx.height) };
  switch (drawing) {
    case 'kitty':
      return asKitty(await encodePng(pixels), cells);
    case 'iterm2':
      return asITerm2(await encodePng(pixels), cells);
    case 'sixel':
      return asSixel(pixels);
    case 'blocks':
      return asBlocks(pixels, colourDepth(terminal));
    case 'plain':
      return asPlain(pixels);
  }
}
