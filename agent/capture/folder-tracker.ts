// What is known about the files of a watched folder: to be looked at, waiting to be the same twice, or done with. Takes looks, decides;
// touches no file.
import type { FileLook } from './folder-files.ts';

export type Judgement = { readonly kind: 'done' } | { readonly kind: 'wait' } | { readonly kind: 'take'; readonly origin: string };

export interface Tracker {
  /** Asks for a look at a path. */
  notice(path: string): void;
  /** Everything that is there now: new paths are to be looked at, and paths that are gone are forgotten. */
  list(present: readonly string[]): void;
  /** Paths to look at. */
  readonly waiting: readonly string[];
  /** Decides about a look. A file that is the same as at its last look is taken, unless it was before. */
  judge(path: string, look: FileLook): Judgement;
  /** Taken, or refused for good. */
  finish(path: string, origin: string): void;
  /** Nothing to do there now; a later listing may bring it back. */
  leave(path: string): void;
}

/** `seen` says whether an origin was taken before a restart. */
export function createTracker(seen: (origin: string) => boolean): Tracker {
  const done = new Map<string, string>();
  const open = new Map<string, FileLook | null>();
  const notice = (path: string) => {
    if (!open.has(path)) open.set(path, null);
  };
  const finish = (path: string, origin: string) => {
    open.delete(path);
    done.set(path, origin);
  };
  return {
    notice,
    list(present) {
      const there = new Set(present);
      for (const path of done.keys()) if (!there.has(path)) done.delete(path);
      for (const path of present) notice(path);
    },
    get waiting() {
      return [...open.keys()];
    },
    judge(path, look) {
      const origin = originOf(path, look);
      if (done.get(path) === origin || seen(origin)) {
        finish(path, origin);
        return { kind: 'done' };
      }
      const before = open.get(path) ?? null;
      if (before?.sizeBytes === look.sizeBytes && before.mtimeMs === look.mtimeMs) return { kind: 'take', origin };
      open.set(path, look);
      return { kind: 'wait' };
    },
    finish,
    leave(path) {
      open.delete(path);
    },
  };
}

/** Identifies this content of this file, without reading it. */
export function originOf(path: string, look: FileLook): string {
  return `${path}:${look.sizeBytes}:${look.mtimeMs}`;
}
