// Gray pixels → a 64-bit difference hash: pictures that look alike differ in few bits. Takes any size, by averaging areas down to 9×8.
import { countBits } from '../bits.ts';

const columns = 9;
const rows = 8;

/** Brightening by no more than this many of 255 levels is noise: a flat or dark picture has the hash 0, not a random one. */
const noiseLevels = 2;

/** Bit 63 − (8·row + column) is set where the picture gets brighter from a column to the next. `gray` is [height, width], 0 to 255. */
export function differenceHash(gray: ArrayLike<number>, width: number, height: number): bigint {
  const small = shrink(gray, width, height);
  let hash = 0n;
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns - 1; column += 1) {
      const at = row * columns + column;
      hash = (hash << 1n) | (small[at + 1]! - small[at]! > noiseLevels ? 1n : 0n);
    }
  }
  return hash;
}

/** Number of bits in which two hashes differ, 0 (alike) to 64. */
export function hammingDistance(a: bigint, b: bigint): number {
  const difference = BigInt.asUintN(64, a ^ b);
  return countBits(Number(difference >> 32n)) + countBits(Number(difference & 0xffffffffn));
}

/** Area means on a 9×8 grid; a source pixel on a border counts on both sides by its share. */
function shrink(gray: ArrayLike<number>, width: number, height: number): Float64Array {
  const across = spans(width, columns);
  const down = spans(height, rows);
  const small = new Float64Array(columns * rows);
  for (const [row, vertical] of down.entries()) {
    for (const [column, horizontal] of across.entries()) {
      let sum = 0;
      for (let v = 0; v < vertical.shares.length; v += 1) {
        const from = (vertical.first + v) * width + horizontal.first;
        let line = 0;
        for (let h = 0; h < horizontal.shares.length; h += 1) line += gray[from + h]! * horizontal.shares[h]!;
        sum += line * vertical.shares[v]!;
      }
      small[row * columns + column] = sum;
    }
  }
  return small;
}

interface Span {
  /** First pixel that lies in the cell. */
  readonly first: number;
  /** Part of the cell that each pixel from there on covers; they add up to 1. */
  readonly shares: Float64Array;
}

/** Which of `length` pixels lie in each of `cells` equal cells. */
function spans(length: number, cells: number): readonly Span[] {
  return Array.from({ length: cells }, (_, cell) => {
    const [from, to] = [(cell * length) / cells, ((cell + 1) * length) / cells];
    const first = Math.floor(from);
    const covered = (pixel: number) => Math.min(to, pixel + 1) - Math.max(from, pixel);
    return {
      first,
      shares: Float64Array.from({ length: Math.min(length, Math.ceil(to)) - first }, (__, index) => covered(first + index) / (to - from)),
    };
  });
}
