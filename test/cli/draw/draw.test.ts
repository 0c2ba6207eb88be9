// What terminals are given to show a capture, read back: colours of blocks, sixels, pieces of a PNG, curves, a tone in its spectrogram.
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { bestDrawing, cellsFor, colourDepth } from '../../../agent/cli/draw/canvas.ts';
import { asITerm2, asKitty } from '../../../agent/cli/draw/inline-picture.ts';
import { asBlocks, asPlain, asSixel } from '../../../agent/cli/draw/pixels.ts';
import { sparkline, sparklines } from '../../../agent/cli/draw/sparkline.ts';
import { spectrogram } from '../../../agent/cli/draw/spectrogram.ts';
import { fittedPixels } from '../../../agent/preprocess/picture.ts';
import { photograph } from '../../images.ts';

const terminal = (env: Readonly<Record<string, string>>, isTerminal = true) => ({ isTerminal, env, columns: 80, rows: 24 });

describe('what a terminal can', () => {
  it.each([
    [{ TERM: 'xterm-kitty' }, 'kitty'],
    [{ TERM: 'xterm-ghostty' }, 'kitty'],
    [{ TERM: 'xterm-256color', KITTY_WINDOW_ID: '1' }, 'kitty'],
    [{ TERM: 'tmux-256color', KITTY_WINDOW_ID: '1', TMUX: '/tmp/t' }, 'blocks'],
    [{ TERM: 'xterm-256color', TERM_PROGRAM: 'iTerm.app' }, 'iterm2'],
    [{ TERM: 'xterm-256color', LC_TERMINAL: 'iTerm2' }, 'iterm2'],
    [{ TERM: 'foot' }, 'sixel'],
    [{ TERM: 'xterm-256color' }, 'blocks'],
    [{ TERM: 'linux' }, 'blocks'],
    [{ TERM: 'xterm-256color', NO_COLOR: '1' }, 'plain'],
    [{ TERM: 'dumb' }, 'plain'],
  ])('%o: %s', (env, drawing) => {
    expect(bestDrawing(terminal(env as Record<string, string>))).toBe(drawing);
    expect(bestDrawing(terminal(env as Record<string, string>, false))).toBeNull();
  });

  it('has all colours where it says so, and room for the shape of the picture', () => {
    expect([colourDepth(terminal({ COLORTERM: 'truecolor' })), colourDepth(terminal({ TERM: 'xterm-256color' }))]).toEqual([24, 8]);
    expect(cellsFor({ columns: 80, rows: 24 }, 1)).toEqual({ columns: 28, rows: 14 });
    const wide = cellsFor({ columns: 40, rows: 24 }, 10);
    expect(wide.columns).toBeLessThan(40);
    expect(wide.rows).toBe(2);
  });
});

/** Control characters as the signs for them. */
const visible = (text: string) => text.replaceAll('\x1b', '␛').replaceAll('\x07', '␇');

const two = { data: Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 9, 9, 9, 9, 9, 9), width: 2, height: 3 };

describe('pixels', () => {
  it('as half blocks have the colours of both rows; an odd last row stands alone', () => {
    const [first, second] = asBlocks(two, 24).split('\n');
    expect(first).toBe('\x1b[38;2;255;0;0;48;2;0;0;255m▀\x1b[38;2;0;255;0;48;2;255;255;255m▀\x1b[0m');
    expect(second).toBe('\x1b[38;2;9;9;9;48;2;9;9;9m▀▀\x1b[0m');
    expect(asBlocks(two, 8)).toContain('38;5;196;48;5;21m');
  });

  it('as characters are darker or lighter', () => {
    const [dark, light] = [new Uint8Array(12), new Uint8Array(12).fill(255)];
    expect(asPlain({ data: light, width: 2, height: 2 })).toBe('@@');
    expect(asPlain({ data: dark, width: 2, height: 2 })).toBe('');
  });

  it('as sixels give the picture back', async () => {
    const pixels = await fittedPixels(await photograph('disc', 3), { width: 20, height: 20 });
    const back = readSixel(asSixel(pixels));
    expect([back.width, back.height]).toEqual([pixels.width, pixels.height]);
    // Six levels a channel: no colour is further away than half a step.
    for (const [at, value] of pixels.data.entries()) expect(Math.abs(back.data[at]! - value)).toBeLessThanOrEqual(27);
  });

  it('as a PNG in pieces for kitty, whole for iTerm2', async () => {
    const png = await sharp({
      create: { width: 90, height: 90, channels: 3, background: '#123', noise: { type: 'gaussian', mean: 128, sigma: 60 } },
    })
      .png()
      .toBuffer();
    const pieces = [...visible(asKitty(png, { columns: 9, rows: 5 })).matchAll(/␛_G([^;]*);([^␛]*)␛\\/g)];
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.every(([, , data]) => data!.length <= 4096)).toBe(true);
    expect(pieces.map(([, keys]) => /m=(\d)/.exec(keys!)![1])).toEqual([...pieces.slice(1).map(() => '1'), '0']);
    expect(Buffer.from(pieces.map(([, , data]) => data).join(''), 'base64').equals(png)).toBe(true);
    expect(Buffer.from(/:([^␇]+)␇/.exec(visible(asITerm2(png, { columns: 9, rows: 5 })))![1]!, 'base64').equals(png)).toBe(true);
  });
});

describe('curves', () => {
  it('rise and fall as the numbers do, in the width there is', () => {
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8)).toBe('▁▂▃▄▅▆▇█');
    expect(sparkline(new Float32Array(500).fill(3), 10)).toHaveLength(10);
    expect(sparkline([], 10)).toBe('');
    const lines = sparklines(
      [
        { name: 'ax', unit: 'g', values: Float32Array.of(0, 1) },
        { name: 'temperature', unit: '', values: Float32Array.of(20, 25) },
      ],
      60,
    );
    expect(lines).toBe('ax [g]       ▁█  0.00 to 1.00\ntemperature  ▁█  20.0 to 25.0');
  });

  it('a tone stands at its frequency, while it sounds', () => {
    const [rate, width, height] = [16_000, 40, 32];
    const tone = Float32Array.from({ length: rate }, (_, at) => (at > rate / 2 ? Math.sin((2 * Math.PI * 2000 * at) / rate) : 0));
    const { data } = spectrogram(tone, rate, width, height);
    const light = (x: number, y: number) => data[(y * width + x) * 3]! + data[(y * width + x) * 3 + 1]!;
    const brightest = Array.from({ length: height }, (_, y) => y).reduce((best, y) => (light(30, y) > light(30, best) ? y : best));
    const mel = (hz: number) => 2595 * Math.log10(1 + hz / 700);
    expect(Math.abs(height - 1 - brightest - (mel(2000) / mel(8000)) * height)).toBeLessThanOrEqual(1.5);
    expect(Math.max(...Array.from({ length: height }, (_, y) => light(5, y)))).toBeLessThan(light(30, brightest) / 4);
  });
});

/** A reader of what `asSixel` may write. */
function readSixel(text: string) {
  const [, columns, lines] = /"1;1;(\d+);(\d+)/.exec(text)!;
  const [width, height] = [Number(columns), Number(lines)];
  const data = new Uint8Array(width * height * 3);
  const palette = new Map<string, readonly number[]>();
  let [x, top, colour] = [0, 0, ''];
  for (const [token, index, red, green, blue, times, one] of text
    .slice(0, -2)
    .matchAll(/#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)(.)|[?-~]|\$|-/g)) {
    if (token === '$' || token === '-') [x, top] = [0, top + (token === '-' ? 6 : 0)];
    else if (index !== undefined && red !== undefined)
      palette.set(
        index,
        [red, green, blue].map((part) => (Number(part) * 255) / 100),
      );
    else if (index !== undefined) colour = index;
    else if (colour !== '') {
      const bits = (one ?? token).charCodeAt(0) - 63;
      for (let end = x + Number(times ?? 1); x < end; x += 1)
        for (let row = 0; row < 6; row += 1) if ((bits & (1 << row)) !== 0) data.set(palette.get(colour)!, ((top + row) * width + x) * 3);
    }
  }
  return { data, width, height };
}
