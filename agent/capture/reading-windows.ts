// Text that a sensor program prints, a JSON object a line → windows of lines that span the wanted time. Bounded: lines over 64 KB, lines that are
// no object with a time, and whatever is older than the window are dropped; a clock that jumps back begins anew.

export interface WindowOptions {
  /** Length of a window, in seconds. */
  readonly lengthS: number;
  /** From one window's begin to the next one's, in seconds. */
  readonly everyS: number;
  /** Key of the time in each line, and how many of its units are a second. */
  readonly time: { readonly key: string; readonly perSecond: number };
  /** 'own': lines carry it; 'arrival': it is written into them as they come. */
  readonly stamp: 'own' | 'arrival';
}

export interface ReadingWindows {
  /** Takes what was printed at this moment (milliseconds since the epoch); gives the windows that were completed by it. */
  push(chunk: Buffer, nowMs: number): readonly ReadingWindow[];
  /** Lines that could not be used. */
  readonly unusable: number;
  /** Lines that could. */
  readonly readings: number;
}

export interface ReadingWindow {
  /** JSON lines, as the model card describes them. */
  readonly bytes: Uint8Array;
  readonly lengthS: number;
}

const longestLine = 65_536;
/** More text than this in a window is more than any model takes; a sensor whose clock stands still never completes one. */
const mostCharacters = 8 * 1024 * 1024;

export function createReadingWindows({ lengthS, everyS, time, stamp }: WindowOptions): ReadingWindows {
  let partial = '';
  let isOverlong = false;
  let unusable = 0;
  let readings = 0;
  let waiting: { readonly atS: number; readonly text: string }[] = [];
  let beginS = Number.NaN;
  let characters = 0;

  /** The line with its time; null where it is none. */
  function read(line: string, nowMs: number) {
    let record: unknown;
    try {
      record = JSON.parse(line);
    } catch {
      return null;
    }
    if (typeof record !== 'object' || record === null || Array.isArray(record)) return null;
    const arrived = (nowMs / 1000) * time.perSecond;
    const at = stamp === 'arrival' ? arrived : (record as Readonly<Record<string, unknown>>)[time.key];
    if (typeof at !== 'number' || !Number.isFinite(at)) return null;
    return { atS: at / time.perSecond, text: stamp === 'own' ? line : JSON.stringify({ ...record, [time.key]: at }) };
  }

  function add(line: string, nowMs: number): ReadingWindow | null {
    const reading = line.trim() === '' ? undefined : read(line, nowMs);
    if (reading === undefined) return null;
    if (reading === null) {
      unusable += 1;
      return null;
    }
    readings += 1;
    const last = waiting.at(-1);
    if (Number.isNaN(beginS) || (last !== undefined && reading.atS < last.atS) || characters > mostCharacters) {
      waiting = [];
      characters = 0;
      beginS = reading.atS;
    }
    let complete: ReadingWindow | null = null;
    if (reading.atS - beginS >= lengthS) {
      const inside = waiting.filter(({ atS }) => atS >= beginS);
      if (inside.length > 1) complete = { bytes: Buffer.from(inside.map(({ text }) => text).join('\n')), lengthS };
      beginS += everyS;
      // After a silence there is nothing to catch up with.
      if (reading.atS - beginS >= lengthS) beginS = reading.atS;
      waiting = waiting.filter(({ atS }) => atS >= beginS);
      characters = waiting.reduce((sum, { text }) => sum + text.length, 0);
    }
    waiting.push(reading);
    characters += reading.text.length;
    return complete;
  }

  return {
    push(chunk, nowMs) {
      const lines = (partial + chunk.toString('utf8')).split('\n');
      partial = lines.pop() ?? '';
      const windows: ReadingWindow[] = [];
      for (const line of lines) {
        const window = isOverlong || line.length > longestLine ? null : add(line, nowMs);
        if (isOverlong || line.length > longestLine) unusable += 1;
        isOverlong = false;
        if (window !== null) windows.push(window);
      }
      if (partial.length > longestLine) {
        partial = '';
        isOverlong = true;
      }
      return windows;
    },
    get unusable() {
      return unusable;
    },
    get readings() {
      return readings;
    },
  };
}
