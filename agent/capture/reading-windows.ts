// Text that a sensor program prints, a JSON object a line → windows of lines that span the wanted time. A line that is a little late is put in its
// place; a clock that was set begins anew. Bounded, whatever is printed: lines over 64 KB, lines that are no object with a time, and what is thrown
// away are counted.
import { StringDecoder } from 'node:string_decoder';

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
  /** Readings of them that stand in no window, for their times ran backwards, or for there were too many. */
  readonly lost: number;
  /** Windows that were completed, and left out because too many were at once. */
  readonly overtaken: number;
}

export interface ReadingWindow {
  /** JSON lines, as the model card describes them. */
  readonly bytes: Uint8Array;
  readonly lengthS: number;
  /** Windows of one number overlap, each the one before: they are one moment. */
  readonly chain: number;
}

interface Reading {
  readonly atS: number;
  readonly text: string;
}

const longestLine = 65_536;
/** Text of a window that is not complete: more than any model takes. A sensor whose clock stands still never completes one. */
const mostBytes = 32 * 1024 * 1024;
/** What a reading takes beside its text. */
const readingBytes = 100;
/** A reading that is later than this part of a window says that the clock was set. */
const latest = 0.1;
/** Lengths of a window after which those that overlap without end are another moment all the same: a day is not one observation. */
const longestChain = 10;

export function createReadingWindows({ lengthS, everyS, time, stamp }: WindowOptions): ReadingWindows {
  const decoder = new StringDecoder('utf8');
  let partial = '';
  let isOverlong = false;
  let unusable = 0;
  let readings = 0;
  let lost = 0;
  let overtaken = 0;
  /** In order of time. */
  let waiting: Reading[] = [];
  let beginS = Number.NaN;
  /** The latest time so far. */
  let lastS = Number.NaN;
  let bytes = 0;
  /** Readings before it stood in a window. */
  let usedS = Number.NEGATIVE_INFINITY;
  let chain = { number: 0, fromS: Number.NEGATIVE_INFINITY };

  /** The line with its time; null where it is none. */
  function read(line: string, nowMs: number): Reading | null {
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
    // A copy: a part of a string keeps all of it in memory.
    return {
      atS: at / time.perSecond,
      text: stamp === 'own' ? Buffer.from(line).toString() : JSON.stringify({ ...record, [time.key]: at }),
    };
  }

  function beginAnew(atS: number): void {
    lost += waiting.filter((reading) => reading.atS >= usedS).length;
    waiting = [];
    bytes = 0;
    beginS = atS;
    lastS = atS;
    usedS = Number.NEGATIVE_INFINITY;
  }

  /** The readings since the begin of the window, as a window; null where there is none to speak of. */
  function complete(): ReadingWindow | null {
    const inside = waiting.filter(({ atS }) => atS >= beginS);
    if (inside.length < 2) return null;
    const goesOn = beginS < usedS && beginS < chain.fromS + longestChain * lengthS;
    if (!goesOn) chain = { number: chain.number + 1, fromS: beginS };
    usedS = beginS + lengthS;
    return { bytes: Buffer.from(inside.map(({ text }) => text).join('\n')), lengthS, chain: chain.number };
  }

  /** Puts a reading into its place, from the end. */
  function insert(reading: Reading): void {
    const at = waiting.findLastIndex(({ atS }) => atS <= reading.atS) + 1;
    waiting.splice(at, 0, reading);
    bytes += reading.text.length + readingBytes;
  }

  function add(reading: Reading): ReadingWindow | null {
    const lateS = lastS - reading.atS;
    if (Number.isNaN(beginS) || lateS >= latest * lengthS || bytes > mostBytes) beginAnew(reading.atS);
    lastS = Math.max(lastS, reading.atS);
    if (reading.atS < beginS) {
      // Its window has been given already, or it stands between two windows that are apart.
      if (lateS > 0) lost += 1;
      return null;
    }
    let window: ReadingWindow | null = null;
    if (reading.atS - beginS >= lengthS) {
      window = complete();
      beginS += everyS;
      // After a silence there is nothing to catch up with.
      if (reading.atS - beginS >= lengthS) beginS = reading.atS;
      waiting = waiting.filter(({ atS }) => atS >= beginS);
      bytes = waiting.reduce((sum, { text }) => sum + text.length + readingBytes, 0);
    }
    if (reading.atS >= beginS) insert(reading);
    return window;
  }

  return {
    push(chunk, nowMs) {
      const lines = (partial + decoder.write(chunk)).split('\n');
      partial = lines.pop() ?? '';
      const windows: ReadingWindow[] = [];
      let held = 0;
      for (const line of lines) {
        const isLine = !isOverlong && line.length <= longestLine;
        isOverlong = false;
        if (isLine && line.trim() === '') continue;
        const reading = isLine ? read(line, nowMs) : null;
        if (reading === null) {
          unusable += 1;
          continue;
        }
        readings += 1;
        const window = add(reading);
        if (window === null) continue;
        windows.push(window);
        held += window.bytes.length;
        // Many at once, each large: nobody could take them all.
        for (; held > mostBytes && windows.length > 1; overtaken += 1) held -= windows.shift()!.bytes.length;
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
    get lost() {
      return lost;
    },
    get overtaken() {
      return overtaken;
    },
  };
}
