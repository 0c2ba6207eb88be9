// fs.watch of the folders of a tree, one by one and up to a number: says which path below the root changed. Only a hint: it may be missing (network
// file systems) or unavailable (no inotify watches left), and then the periodic reading does the work alone.
import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import { decodeName, pathBytes } from './file-names.ts';

export interface Notifier {
  /** Watches a folder below the root ('' is the root itself), where there is room; whether it does now. */
  watch(path: string): boolean;
  /** Lets go of a folder and of all below it. */
  forget(path: string): void;
  /** Lets go of all but these, and tries again what failed. */
  keepOnly(paths: ReadonlySet<string>): void;
  readonly watched: number;
  close(): void;
}

export interface NotifierOptions {
  readonly root: string;
  /** Folders watched at once: the system has few watches, and others need some. */
  readonly most: number;
  onChange(path: string): void;
  /** Some folders are not watched, with the reason. */
  onTrouble(reason: string): void;
}

export function createNotifier({ root, most, onChange, onTrouble }: NotifierOptions): Notifier {
  const watchers = new Map<string, FSWatcher>();
  /** Nothing more is tried until the next reading. */
  let isFull = false;

  function release(path: string): void {
    watchers.get(path)?.close();
    watchers.delete(path);
  }

  function trouble(reason: string): void {
    isFull = true;
    onTrouble(reason);
  }

  function open(path: string): void {
    const watcher = watch(pathBytes(join(root, path)), { persistent: false, encoding: 'buffer' }, (_event, name) => {
      if (watchers.get(path) === watcher && name !== null && name.length > 0) onChange(join(path, decodeName(name)));
    });
    watchers.set(path, watcher);
    watcher.on('error', (error) => {
      if (watchers.get(path) !== watcher) return;
      release(path);
      trouble(messageOf(error));
    });
  }

  return {
    watch(path) {
      if (watchers.has(path)) return true;
      if (isFull) return false;
      try {
        if (watchers.size < most) open(path);
        else trouble(`it has more than ${most} folders`);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        const isGone = code === 'ENOENT' || code === 'ENOTDIR';
        if (!isGone) trouble(code === 'ENOSPC' ? 'the system has no more watches (fs.inotify.max_user_watches)' : messageOf(error));
      }
      return watchers.has(path);
    },
    forget(path) {
      for (const watched of [...watchers.keys()]) if (watched === path || watched.startsWith(`${path}/`)) release(watched);
    },
    keepOnly(paths) {
      for (const watched of [...watchers.keys()]) if (!paths.has(watched)) release(watched);
      isFull = false;
    },
    get watched() {
      return watchers.size;
    },
    close() {
      for (const watched of [...watchers.keys()]) release(watched);
    },
  };
}
