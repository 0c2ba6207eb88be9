// Gray pixels → a 64-bit difference hash: pictures that look alike differ in few bits. Takes any size, by averaging areas down to 9×8.

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

function countBits(word: number): number {
  let rest = word - ((word >>> 1) & 0x55555555);
  rest = (rest & 0x33333333) + ((rest >>> 2) & 0x33333333);
  return Math.imul((rest + (rest >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Area means on a 9×8 grid; a source pixel on a border counts on both sides by its share. */
function shrink(gray: ArrayLike<number>, width: number, height: number): Float64Array {
  const across = spread(width, columns);
  const down = spread(height, rows);
  const small = new Float64Array(columns * rows);
  for (const [y, vertical] of down.entries()) {
    // First along the row, then into the one or two grid rows that it belongs to.
    const line = new Float64Array(columns);
    for (let x = 0; x < width; x += 1) for (const { cell, share } of across[x]!) line[cell]! += gray[y * width + x]! * share;
    for (const { cell, share } of vertical)
      for (let column = 0; column < columns; column += 1) small[cell * columns + column]! += line[column]! * share;
  }
  return small;
}

/** For each of `length` pixels: the cells that it overlaps, and how much of it lies in each. */
function spread(length: number, cells: number): readonly (readonly { readonly cell: number; readonly share: number }[])[] {
  return Array.from({ length }, (_, pixel) => {
    const [from, to] = [(pixel * cells) / length, ((pixel + 1) * cells) / length];
    const overlaps = [];
    for (let cell = Math.floor(from); cell < Math.min(cells, Math.ceil(to)); cell += 1) {
      const share = Math.min(to, cell + 1) - Math.max(from, cell);
      if (share > 1e-9) overlaps.push({ cell, share });
    }
    return overlaps;
  });
}
