// fs.watch for a whole tree: says which path below the root changed. Only a hint: it may be missing (network file systems), incomplete (new
// subfolders) or unavailable (no inotify watches left), and then the periodic reading does the work alone.
import { watch } from 'node:fs';
import { messageOf } from '../errors.ts';

export interface Notifier {
  close(): void;
}

/** `onFailure` is called at most once, with the reason; the notifier is closed then. */
export function notifyChanges(root: string, onChange: (path: string) => void, onFailure: (reason: string) => void): Notifier {
  let closed = false;
  const fail = (error: unknown) => {
    if (closed) return;
    closed = true;
    onFailure(messageOf(error));
  };
  try {
    const watcher = watch(root, { recursive: true, persistent: false });
    watcher.on('change', (_event, path) => {
      if (!closed && typeof path === 'string' && path !== '') onChange(path);
    });
    watcher.on('error', (error) => {
      fail(error);
      watcher.close();
    });
    return {
      close() {
        closed = true;
        watcher.close();
      },
    };
  } catch (error) {
    fail(error);
    return { close() {} };
  }
}
