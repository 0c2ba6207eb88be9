// What is known about the files of a watched folder: to be looked at, waiting to be the same twice, or done with. Takes looks, decides; touches no
// file. Bounded: where too many wait, others are left to a later reading; what is done with is only remembered to ask the store less often.
import type { FileLook } from './folder-files.ts';

export type Judgement = { readonly kind: 'done' } | { readonly kind: 'wait' } | { readonly kind: 'take'; readonly origin: string };

export interface Tracker {
  /** Asks for a look at a path; false where too many wait. */
  notice(path: string): boolean;
  /** A reading of the whole folder begins; what it does not meet is forgotten at its end. */
  beginReading(): void;
  /** It met this path. */
  meet(path: string): void;
  endReading(): void;
  /** Whether nothing is to be done about it: it was taken, perhaps before a restart, or refused. */
  isDone(path: string, look: FileLook): boolean;
  /** Paths to look at. */
  readonly waiting: readonly string[];
  readonly isCrowded: boolean;
  /** More files are done with than are remembered: looking at them again asks the store. */
  readonly isOverfull: boolean;
  /** Decides about a look. A file that is the same as at its last look is taken, unless it was before. */
  judge(path: string, look: FileLook): Judgement;
  /** It could be taken and must wait; true the first time. */
  putOff(path: string): boolean;
  /** Taken, or refused for good. */
  finish(path: string, origin: string): void;
  /** Nothing to do there now; a later reading may bring it back. */
  leave(path: string): void;
}

export interface TrackerLimits {
  readonly waiting: number;
  readonly done: number;
}

interface Waiting {
  readonly look: FileLook | null;
  readonly isPutOff: boolean;
}

const fresh: Waiting = { look: null, isPutOff: false };

/** `seen` says whether an origin was taken before a restart. */
export function createTracker(seen: (origin: string) => boolean, limits: TrackerLimits): Tracker {
  const done = new Map<string, { readonly origin: string; readonly reading: number }>();
  const open = new Map<string, Waiting>();
  let reading = 0;
  let forgotten = 0;
  const finish = (path: string, origin: string) => {
    open.delete(path);
    // The one that was dealt with last goes last.
    done.delete(path);
    done.set(path, { origin, reading });
    const [oldest] = done.size > limits.done ? done.keys() : [];
    if (oldest !== undefined && done.delete(oldest)) forgotten += 1;
  };
  const isDone = (path: string, look: FileLook) => {
    const origin = originOf(path, look);
    if (done.get(path)?.origin === origin) return true;
    if (!seen(origin)) return false;
    finish(path, origin);
    return true;
  };
  return {
    notice(path) {
      if (open.has(path)) return true;
      if (open.size >= limits.waiting) return false;
      open.set(path, fresh);
      return true;
    },
    beginReading() {
      reading += 1;
      forgotten = 0;
    },
    meet(path) {
      const known = done.get(path);
      if (known !== undefined) done.set(path, { ...known, reading });
    },
    endReading() {
      for (const [path, known] of done) if (known.reading < reading) done.delete(path);
    },
    isDone,
    get waiting() {
      return [...open.keys()];
    },
    get isCrowded() {
      return open.size > limits.waiting / 2;
    },
    get isOverfull() {
      return forgotten > 0;
    },
    judge(path, look) {
      if (isDone(path, look)) {
        open.delete(path);
        return { kind: 'done' };
      }
      const { look: before, isPutOff } = open.get(path) ?? fresh;
      if (before?.sizeBytes === look.sizeBytes && before.mtimeMs === look.mtimeMs) return { kind: 'take', origin: originOf(path, look) };
      open.set(path, { look, isPutOff });
      return { kind: 'wait' };
    },
    putOff(path) {
      const { look, isPutOff } = open.get(path) ?? fresh;
      open.set(path, { look, isPutOff: true });
      return !isPutOff;
    },
    finish,
    leave(path) {
      open.delete(path);
    },
  };
}

/** Identifies this content of this file, without reading it. */
function originOf(path: string, look: FileLook): string {
  return `${path}:${look.sizeBytes}:${look.mtimeMs}`;
}
