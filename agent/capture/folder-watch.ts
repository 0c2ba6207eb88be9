// Watches a folder for as long as it is told: the periodic reading is the truth (network file systems announce nothing), notifications only make it
// quicker. Takes what a start of the source works with; tells how it is, and never throws.
import { basename, extname, join } from 'node:path';
import { messageOf } from '../errors.ts';
import type { Capture } from '../types.ts';
import type { Budget } from './budget.ts';
import { shownPath } from './file-names.ts';
import type { FolderOptions } from './folder.ts';
import { type Entry, type FileLook, identityOf, look, readFile, stream } from './folder-files.ts';
import { fileKind, formats, isFolderWatched, labelOf } from './folder-names.ts';
import { createNotifier, type Notifier } from './folder-notify.ts';
import type { Tracker } from './folder-tracker.ts';
import { pause, type SourceContext, type SourceStatus, unlessAborted } from './source.ts';

/** What one start of the source works with. */
export interface Watch {
  readonly options: Required<FolderOptions>;
  readonly context: SourceContext;
  readonly signal: AbortSignal;
  readonly tracker: Tracker;
  readonly budget: Budget;
  status(): SourceStatus;
  update(change: Partial<SourceStatus>): void;
  /** Logs a trouble the first time that it is met. */
  tellOnce(key: string, fields: object, message: string): void;
  /** Waits for the file system; where that never answers, this is where it is known. */
  reach<T>(path: string, answer: Promise<T>): Promise<T>;
}

interface Loop {
  readonly notifier: Notifier;
  /** Something changed: the pause ends. */
  wake: AbortController;
  /** There were more files than may wait: another reading follows when there is room. */
  isLeftOut: boolean;
}

/** Captures under way at once: one is computed, one is decoded meanwhile, one is being read or stored. */
const ahead = 3;
/** How much longer the pause is when the budget was used up: all that waits is looked at again after it. */
const budgetPauses = 10;

export async function keepWatching(w: Watch): Promise<void> {
  const onChange = (path: string) => {
    if (!w.tracker.notice(path)) loop.isLeftOut = true;
    loop.wake.abort();
  };
  const loop: Loop = { notifier: openNotifier(w, onChange), wake: new AbortController(), isLeftOut: false };
  let rescanAtMs = 0;
  let watched: string | null = null;
  while (!w.signal.aborted) {
    loop.wake = new AbortController();
    if (performance.now() >= rescanAtMs || (loop.isLeftOut && !w.tracker.isCrowded)) {
      const identity = await w.reach('', identityOf(w.options.path));
      // Another folder stands there now: the system would go on to say what happens to the old one.
      if (identity !== watched) loop.notifier.close();
      watched = identity;
      if (!(await rescan(w, loop))) loop.notifier.close();
      rescanAtMs = performance.now() + w.options.rescanMs;
    }
    const isPutOff = await pass(w, loop);
    if (w.tracker.waiting.length > 0) await pause(w.options.settleMs * (isPutOff ? budgetPauses : 1), w.signal);
    else await pause(Math.max(0, rescanAtMs - performance.now()), AbortSignal.any([w.signal, loop.wake.signal]));
  }
  loop.notifier.close();
}

function openNotifier(w: Watch, onChange: (path: string) => void): Notifier {
  const { path: root, rescanMs, mostWatches: most } = w.options;
  return createNotifier({
    root,
    most,
    onChange,
    onTrouble(reason) {
      const message = `the system does not announce all changes here; the folder is read again every ${rescanMs / 1000} s`;
      w.tellOnce('notify', { path: root, error: reason }, message);
    },
  });
}

/** Reads the whole tree. false when the folder itself cannot be read: then nothing is forgotten, for it may come back. */
async function rescan(w: Watch, loop: Loop): Promise<boolean> {
  const { path: root, captures: kind, name } = w.options;
  /** Those that are watched and are still there. */
  const folders = new Set(['']);
  // Watching begins before reading, so that nothing falls between the two.
  loop.notifier.watch('');
  loop.isLeftOut = false;
  w.tracker.beginReading();
  const entries = stream(root, '', { kind, links: 'left', signal: w.signal });
  for (let next = await w.reach('', entries.next()); next.done !== true; next = await w.reach('', entries.next())) {
    const entry = next.value;
    if (entry.kind === 'unreadable' && entry.path === '') return isLost(w, entry.reason);
    if (entry.kind !== 'folder') await meet(w, loop, entry);
    else if (loop.notifier.watch(entry.path)) folders.add(entry.path);
  }
  if (w.signal.aborted) return true;
  if (w.status().state === 'degraded') {
    w.context.log.info({ source: name }, 'folder can be read again');
    w.update({ state: 'running', lastError: null });
  }
  w.tracker.endReading();
  loop.notifier.keepOnly(folders);
  if (w.tracker.isOverfull)
    w.tellOnce('overfull', { path: root }, 'so many files lie here that each reading takes long; remove what was taken');
  return true;
}

function isLost(w: Watch, reason: string): false {
  if (w.status().state !== 'degraded') {
    w.context.log.warn({ source: w.options.name, error: reason }, 'folder cannot be read; it is tried again');
  }
  w.update({ state: 'degraded', lastError: `the folder cannot be read: ${reason}` });
  return false;
}

async function meet(w: Watch, loop: Loop, entry: Exclude<Entry, { kind: 'folder' }>): Promise<void> {
  const { path } = entry;
  switch (entry.kind) {
    case 'unreadable':
      return w.tellOnce(`folder ${path}`, { path: shownPath(path), error: entry.reason }, 'subfolder cannot be read');
    case 'foreign': {
      const { listed } = formats[w.options.captures];
      return w.tellOnce(`kind ${extname(path).toLowerCase()}`, { path: shownPath(path) }, `files of this kind are not read; ${listed}`);
    }
    case 'ignored':
      return;
    case 'capture': {
      w.tracker.meet(path);
      const seen = await w.reach(path, look(join(w.options.path, path)));
      if (seen === null || seen === 'folder' || w.tracker.isDone(path, seen)) return;
      if (!w.tracker.notice(path)) loop.isLeftOut = true;
    }
  }
}

interface Ready {
  readonly path: string;
  readonly seen: FileLook;
  readonly origin: string;
}

/** Looks at everything that waits for it, and takes what is ready, oldest first. true where the budget did not allow all. */
async function pass(w: Watch, loop: Loop): Promise<boolean> {
  const ready: Ready[] = [];
  for (const path of w.tracker.waiting) {
    if (w.signal.aborted) return false;
    const seen = await w.reach(path, look(join(w.options.path, path)));
    if (seen === 'folder') await lookInto(w, loop, path);
    else if (seen === null || !isWatched(path, w.options.captures)) {
      w.tracker.leave(path);
      if (seen === null) loop.notifier.forget(path);
    } else {
      const judgement = w.tracker.judge(path, seen);
      if (judgement.kind === 'take') ready.push({ path, seen, origin: judgement.origin });
    }
  }
  return take(w, ready);
}

async function take(w: Watch, ready: Ready[]): Promise<boolean> {
  ready.sort((a, b) => a.seen.mtimeMs - b.seen.mtimeMs);
  const underWay = new Set<Promise<void>>();
  let isPutOff = false;
  for (const { path, seen, origin } of ready) {
    while (underWay.size >= ahead) await Promise.race(underWay);
    if (w.signal.aborted) break;
    if (!w.budget.take(seen.sizeBytes)) {
      isPutOff = true;
      putOff(w, path);
      continue;
    }
    // Read one after the other, so that they are offered in order; only what follows runs side by side.
    const capture = await read(w, path, seen, origin);
    if (capture === null) continue;
    const job = offer(w, path, origin, capture).finally(() => underWay.delete(job));
    underWay.add(job);
  }
  await Promise.all(underWay);
  return isPutOff;
}

/** It stays where it is, and is taken when the budget allows; counted once. */
function putOff(w: Watch, path: string): void {
  const isNew = w.tracker.putOff(path);
  if (isNew) w.update({ passedOver: w.status().passedOver + 1 });
  if (w.budget.passOver(isNew)) w.context.log.warn({ source: w.options.name }, `source ${w.budget.sentence()}`);
}

async function lookInto(w: Watch, loop: Loop, folder: string): Promise<void> {
  w.tracker.leave(folder);
  if (!folder.split('/').every(isFolderWatched)) return;
  loop.notifier.watch(folder);
  const entries = stream(w.options.path, folder, { kind: w.options.captures, links: 'left', signal: w.signal });
  for (let next = await w.reach(folder, entries.next()); next.done !== true; next = await w.reach(folder, entries.next())) {
    const { kind, path } = next.value;
    if (kind === 'folder') loop.notifier.watch(path);
    if (kind === 'capture' && !w.tracker.notice(path)) loop.isLeftOut = true;
  }
}

/** The same judgement that a walk makes, for paths that a notification names. */
function isWatched(path: string, kind: FolderOptions['captures']): boolean {
  return fileKind(basename(path), kind) === 'capture' && path.split('/').slice(0, -1).every(isFolderWatched);
}

/** null where the file is still being written, or cannot be used (said once). */
async function read(w: Watch, path: string, seen: FileLook, origin: string): Promise<Capture | null> {
  const { name, path: root, captures: kind, maxBytes, isClass, isKnown } = w.options;
  const outcome = await w.reach(path, readFile(root, path, seen, maxBytes));
  // Still being written: its next look will differ, or agree for longer.
  if (outcome.kind === 'changed') return null;
  if (outcome.kind === 'unusable') {
    w.tracker.finish(path, origin);
    w.update({ dropped: w.status().dropped + 1, lastError: `${shownPath(path)}: ${outcome.reason}` });
    w.tellOnce(origin, { path: shownPath(path), error: outcome.reason }, 'file cannot be used');
    return null;
  }
  const timeMs = Math.min(seen.mtimeMs, w.context.clock.now());
  const label = labelOf(path, isClass, isKnown);
  return { source: name, timeMs, kind, bytes: outcome.bytes, origin, moment: origin, ...(label === undefined ? {} : { label }) };
}

async function offer(w: Watch, path: string, origin: string, capture: Capture): Promise<void> {
  try {
    if ((await unlessAborted(w.context.emit(capture), w.signal)) === 'aborted') return;
    w.tracker.finish(path, origin);
    w.update({ captures: w.status().captures + 1, lastCaptureMs: w.context.clock.now(), lastError: null });
  } catch (error) {
    // The next reading of the folder offers it again.
    w.tracker.leave(path);
    w.update({ lastError: `${shownPath(path)} was not taken: ${messageOf(error)}` });
    w.tellOnce(`emit ${messageOf(error)}`, { path: shownPath(path), error: messageOf(error) }, 'file not taken; it is offered again');
  }
}
