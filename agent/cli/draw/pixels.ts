// RGB pixels → text that a terminal shows as a picture: half-block characters in colours, plain characters, or sixels. Refuses nothing.
import type { Pixels } from '../../preprocess/picture.ts';

/** Two pixels a cell, one above the other; `depth` 24: true colours, 8: the palette of 256. */
export function asBlocks({ data, width, height }: Pixels, depth: 24 | 8): string {
  const lines: string[] = [];
  const colour = (layer: 38 | 48, x: number, y: number) => {
    const at = (Math.min(y, height - 1) * width + x) * 3;
    const [r, g, b] = [data[at]!, data[at + 1]!, data[at + 2]!];
    return depth === 24 ? `${layer};2;${r};${g};${b}` : `${layer};5;${paletteOf(r, g, b)}`;
  };
  for (let y = 0; y < height; y += 2) {
    let line = '';
    let before = '';
    for (let x = 0; x < width; x += 1) {
      const colours = `${colour(38, x, y)};${colour(48, x, y + 1)}`;
      line += `${colours === before ? '' : `\x1b[${colours}m`}▀`;
      before = colours;
    }
    lines.push(`${line}\x1b[0m`);
  }
  return lines.join('\n');
}

/** The cube of 6 × 6 × 6 colours of xterm. */
function paletteOf(r: number, g: number, b: number): number {
  const level = (value: number) => Math.round((value / 255) * 5);
  return 16 + 36 * level(r) + 6 * level(g) + level(b);
}

const ramp = ' .:-=+*#%@';

/** A character a cell by how bright it is; a row of characters stands for two rows of pixels. */
export function asPlain({ data, width, height }: Pixels): string {
  const lines: string[] = [];
  for (let y = 0; y < height; y += 2) {
    let line = '';
    for (let x = 0; x < width; x += 1) {
      const light = (brightness(data, width, x, y) + brightness(data, width, x, Math.min(y + 1, height - 1))) / 2;
      line += ramp[Math.min(ramp.length - 1, Math.floor(light * ramp.length))];
    }
    lines.push(line.trimEnd());
  }
  return lines.join('\n');
}

/** 0 to 1, by the weights of ITU-R BT.601. */
function brightness(data: Uint8Array, width: number, x: number, y: number): number {
  const at = (y * width + x) * 3;
  return (0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!) / 255;
}

/** DEC sixels: bands of six rows, a pass for each colour that a band has. */
export function asSixel({ data, width, height }: Pixels): string {
  const colours = Uint8Array.from({ length: width * height }, (_, at) => paletteOf(data[at * 3]!, data[at * 3 + 1]!, data[at * 3 + 2]!));
  const define = [...new Set(colours)].map((index) => {
    const cube = index - 16;
    const percent = [Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((level) => level * 20).join(';');
    return `#${index};2;${percent}`;
  });
  const bands: string[] = [];
  for (let top = 0; top < height; top += 6) {
    const band = colours.subarray(top * width, Math.min(height, top + 6) * width);
    const passes = [...new Set(band)].map((index) => {
      const bits = Array.from({ length: width }, (_, x) => {
        let column = 0;
        for (let row = 0; row * width + x < band.length; row += 1) if (band[row * width + x] === index) column |= 1 << row;
        return String.fromCharCode(63 + column);
      });
      return `#${index}${repeated(bits)}`;
    });
    bands.push(passes.join('$'));
  }
  return `\x1bP0;1q"1;1;${width};${height}${define.join('')}${bands.join('-')}\x1b\\`;
}

function repeated(characters: readonly string[]): string {
  return characters.join('').replaceAll(/(.)\1{3,}/g, (run) => `!${run.length}${run[0]}`);
}
