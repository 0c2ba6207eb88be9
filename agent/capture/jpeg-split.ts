// A byte stream of JPEG pictures, one after the other → the pictures. Follows the markers (ITU-T T.81, annex B), so that a thumbnail inside
// a picture's metadata does not end it. What stands between pictures (multipart headers, garbage) is skipped; a picture that is cut off or
// larger than the limit is dropped and counted. Some cameras never send the end marker: then the next picture's begin ends one, and it is given one.
// Memory is bounded by twice the limit and one chunk; the result does not depend on the chunks.

export interface JpegSplitter {
  /** Takes the next bytes, gives the pictures that they complete. */
  push(chunk: Uint8Array): readonly Uint8Array[];
  /** Pictures that were cut off, damaged in their structure, or too large; so far. */
  readonly broken: number;
}

const marker = { prefix: 0xff, start: 0xd8, end: 0xd9, scan: 0xda } as const;

/** Where the parser stands: outside a picture, at a marker, or within entropy-coded data. */
type State = 'outside' | 'marker' | 'scan';
type Step = { readonly kind: 'more' } | { readonly kind: 'go' } | { readonly kind: 'pictures'; readonly pictures: readonly Uint8Array[] };
const more: Step = { kind: 'more' };
const go: Step = { kind: 'go' };

export function createJpegSplitter(maxFrameBytes: number): JpegSplitter {
  let buffer = Buffer.alloc(64 * 1024);
  let filled = 0;
  /** Everything before it has been looked at. While inside a picture the picture begins at 0. */
  let position = 0;
  let state: State = 'outside';
  /** Whether the picture has some of its pixels. */
  let isScanned = false;
  let broken = 0;
  /** 'unknown' until a picture has ended: by its marker, or two in a row by the begin of the next. One alone may have been cut off. */
  let ends: 'unknown' | 'by marker' | 'by the next' = 'unknown';
  /** The first that had no end, until a second one has none either. */
  let doubtful: Uint8Array | null = null;

  function append(chunk: Uint8Array): void {
    if (filled + chunk.length > buffer.length) {
      const larger = Buffer.alloc(Math.max(buffer.length * 2, filled + chunk.length));
      buffer.copy(larger, 0, 0, filled);
      buffer = larger;
    }
    buffer.set(chunk, filled);
    filled += chunk.length;
  }

  /** Forgets everything before `from`. */
  function drop(from: number): void {
    buffer.copyWithin(0, from, filled);
    filled -= from;
    position = 0;
  }

  /** A picture that ended in its entropy-coded data, where the next one begins: cut off, unless the camera never sends an end. */
  function unended(): Step {
    if (ends === 'by marker') return giveUp(position);
    const picture = withEnd(buffer.subarray(0, position));
    drop(position);
    state = 'outside';
    if (ends === 'by the next') return { kind: 'pictures', pictures: [picture] };
    if (doubtful === null) {
      doubtful = picture;
      return go;
    }
    ends = 'by the next';
    const pictures = [doubtful, picture];
    doubtful = null;
    return { kind: 'pictures', pictures };
  }

  function ended(end: number): Step {
    if (doubtful !== null) broken += 1;
    doubtful = null;
    ends = 'by marker';
    const picture = Uint8Array.from(buffer.subarray(0, end));
    drop(end);
    state = 'outside';
    return { kind: 'pictures', pictures: [picture] };
  }

  function giveUp(resumeAt: number): Step {
    broken += 1;
    if (doubtful !== null) broken += 1;
    doubtful = null;
    state = 'outside';
    drop(Math.min(resumeAt, filled));
    return go;
  }

  const steps: Record<State, () => Step> = {
    /** A picture starts with SOI and the prefix of its next marker. */
    outside() {
      const at = buffer.subarray(0, filled).indexOf(pictureStart);
      if (at < 0) {
        drop(Math.max(0, filled - pictureStart.length + 1));
        return more;
      }
      drop(at);
      position = 2;
      isScanned = false;
      state = 'marker';
      return go;
    },
    marker() {
      if (position + 2 > maxFrameBytes) return giveUp(position);
      if (position + 2 > filled) return more;
      if (buffer[position] !== marker.prefix) return giveUp(position);
      const code = buffer[position + 1]!;
      if (code === marker.prefix) position += 1;
      else if (code === marker.end) return ended(position + 2);
      else if (code === marker.start) return isScanned ? unended() : giveUp(position);
      else if (isAlone(code)) position += 2;
      else return segment(code);
      return go;
    },
    /** Up to the next marker; FF 00 is a data byte, and restart markers belong to the data. */
    scan() {
      const at = buffer.subarray(position, Math.min(filled, maxFrameBytes)).indexOf(marker.prefix);
      position = at < 0 ? Math.min(filled, maxFrameBytes) : position + at;
      // No end fits any more, whatever comes: the place to go on from must not depend on how much has come.
      if (position + 2 > maxFrameBytes) return giveUp(maxFrameBytes - 1);
      if (position + 2 > filled) return more;
      const code = buffer[position + 1]!;
      if (code === 0 || isAlone(code)) position += 2;
      else if (code === marker.prefix) position += 1;
      else state = 'marker';
      return go;
    },
  };

  /** Marker, two bytes of length that count themselves, content. */
  function segment(code: number): Step {
    if (position + 4 > maxFrameBytes) return giveUp(position);
    if (position + 4 > filled) return more;
    const length = buffer.readUInt16BE(position + 2);
    if (length < 2) return giveUp(position + 4);
    const next = position + 2 + length;
    if (next > maxFrameBytes) return giveUp(position + 4);
    if (next > filled) return more;
    position = next;
    if (code === marker.scan) {
      isScanned = true;
      state = 'scan';
    }
    return go;
  }

  return {
    push(chunk) {
      append(chunk);
      const pictures: Uint8Array[] = [];
      for (let step = steps[state](); step.kind !== 'more'; step = steps[state]()) {
        if (step.kind === 'pictures') pictures.push(...step.pictures);
      }
      return pictures;
    },
    get broken() {
      return broken;
    },
  };
}

const pictureStart = Buffer.from([0xff, 0xd8, 0xff]);

/** The bytes and an end marker; without the head of the next part, where a multipart stream put one behind them. */
function withEnd(bytes: Buffer): Uint8Array {
  const tail = bytes.subarray(Math.max(0, bytes.length - longestPartHead)).toString('latin1');
  const head = /\r\n--[\x20-\x7e]+\r\n(?:[\x20-\x7e]+\r\n)*\r\n$/.exec(tail)?.[0].length ?? 0;
  return Buffer.concat([bytes.subarray(0, bytes.length - head), Buffer.of(marker.prefix, marker.end)]);
}

const longestPartHead = 1024;

/** TEM and RST0 to RST7 have no length. */
function isAlone(code: number): boolean {
  return code === 0x01 || (code >= 0xd0 && code <= 0xd7);
}
