// An MP4 or M4A whose index stands at its end, as phones write it → the same with the index before the data, so that it can be read from a pipe.
// Takes hostile bytes; gives pieces that follow one another, the bytes as they are where there is nothing to move. Pure.

interface Box {
  readonly type: string;
  readonly start: number;
  /** Where its content begins. */
  readonly content: number;
  readonly end: number;
}

/** ISO/IEC 14496-12, 4.2: size, type, and a size of 64 bits where the first is 1; 0 is up to the end. */
function* boxes(bytes: Uint8Array, from: number, to: number): Generator<Box> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = from; start + 8 <= to; ) {
    const short = view.getUint32(start);
    const isLong = short === 1 && start + 16 <= to;
    const size = short === 0 ? to - start : isLong ? Number(view.getBigUint64(start + 8)) : short;
    const content = start + (isLong ? 16 : 8);
    const end = start + size;
    if (end < content || end > to) return;
    yield { type: String.fromCharCode(...bytes.subarray(start + 4, start + 8)), start, content, end };
    start = end;
  }
}

export function indexFirst(bytes: Uint8Array): readonly Uint8Array[] {
  const all = [...boxes(bytes, 0, bytes.length)];
  const index = all.find(({ type }) => type === 'moov');
  const data = all.find(({ type }) => type === 'mdat');
  if (all[0]?.type !== 'ftyp' || index === undefined || data === undefined || index.start < data.start) return [bytes];
  const moved = bytes.slice(index.start, index.end);
  shiftOffsets(moved, { from: data.start, to: index.start, by: moved.length });
  return [bytes.subarray(0, data.start), moved, bytes.subarray(data.start, index.start), bytes.subarray(index.end)];
}

/** The way to the tables of places in the file. */
const above: ReadonlySet<string> = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl']);

interface Shift {
  readonly from: number;
  readonly to: number;
  readonly by: number;
}

function shiftOffsets(moov: Uint8Array, { from, to, by }: Shift): void {
  const view = new DataView(moov.buffer, moov.byteOffset, moov.byteLength);
  const open: { readonly from: number; readonly to: number }[] = [{ from: 0, to: moov.length }];
  for (let within = open.pop(); within !== undefined; within = open.pop()) {
    for (const { type, content, end } of boxes(moov, within.from, within.to)) {
      if (above.has(type)) open.push({ from: content, to: end });
      // Version and flags, number of entries, entries.
      const width = type === 'stco' ? 4 : type === 'co64' ? 8 : 0;
      for (let at = content + 8; width > 0 && at + width <= end; at += width) {
        const place = width === 4 ? view.getUint32(at) : Number(view.getBigUint64(at));
        if (place < from || place >= to) continue;
        if (width === 4) view.setUint32(at, place + by);
        else view.setBigUint64(at, BigInt(place + by));
      }
    }
  }
}
