// A source that watches a folder and everything below it: a new file is a capture, a subfolder named like a class is the label of all below it. The
// periodic reading is the truth (network file systems announce nothing); notifications only make it quicker. A file is taken when two looks
// at it agree, so that nobody's half-written file is read; what cannot be read is said once.
import { basename, extname, join } from 'node:path';
import { messageOf } from '../errors.ts';
import type { Capture, CaptureKind } from '../types.ts';
import { shownPath } from './file-names.ts';
import { type FileLook, look, readFile, walk } from './folder-files.ts';
import { fileKind, formats, isFolderWatched, labelOf } from './folder-names.ts';
import { type Notifier, notifyChanges } from './folder-notify.ts';
import { createTracker, type Tracker } from './folder-tracker.ts';
import { pause, type Source, type SourceContext, type SourceStatus, unlessAborted } from './source.ts';

export interface FolderOptions {
  readonly name: string;
  /** Absolute path. */
  readonly path: string;
  /** What its files are; others are left alone. */
  readonly captures: CaptureKind;
  /** The whole tree is read again this often. */
  readonly rescanMs: number;
  /** Whether a subfolder of this name is a label. */
  readonly isClass: (name: string) => boolean;
  /** Whether it is a label that the model has already; what `isClass` says, unless told. */
  readonly isKnown?: (name: string) => boolean;
  /** Size and time of a file must stay the same for this long. */
  readonly settleMs?: number;
  /** Larger files are refused. */
  readonly maxBytes?: number;
}

/** What one start of the source works with. */
interface Watch {
  readonly options: FolderOptions;
  readonly context: SourceContext;
  readonly signal: AbortSignal;
  readonly tracker: Tracker;
  status(): SourceStatus;
  update(change: Partial<SourceStatus>): void;
  /** Logs a trouble the first time that it is met. */
  tellOnce(key: string, fields: object, message: string): void;
}

const defaultSettleMs = 1000;
const defaultMaxBytes = 64 * 1024 * 1024;

export function createFolderSource(options: FolderOptions): Source {
  let running: { readonly abort: AbortController; readonly loop: Promise<void> } | null = null;
  let status: SourceStatus = { state: 'stopped', lastCaptureMs: null, captures: 0, dropped: 0, passedOver: 0, lastError: null };
  const update = (change: Partial<SourceStatus>) => {
    status = { ...status, ...change };
  };
  return {
    name: options.name,
    kind: 'folder',
    async start(context) {
      if (running !== null) return;
      update({ state: 'running', lastError: null });
      const abort = new AbortController();
      const told = new Set<string>();
      const tellOnce = (key: string, fields: object, message: string) => {
        if (!told.has(key)) context.log.warn({ source: options.name, ...fields }, message);
        told.add(key);
      };
      const tracker = createTracker((origin) => context.seen(origin));
      const loop = keepWatching({ options, context, signal: abort.signal, tracker, status: () => status, update, tellOnce });
      running = { abort, loop };
    },
    async stop() {
      running?.abort.abort();
      await running?.loop;
      running = null;
      update({ state: 'stopped', lastError: null });
    },
    status: () => status,
  };
}

async function keepWatching(w: Watch): Promise<void> {
  let wake = new AbortController();
  let notifier: Notifier | null = null;
  let rescanAtMs = 0;
  const onChange = (path: string) => {
    w.tracker.notice(path);
    wake.abort();
  };
  const onFailure = (reason: string) =>
    w.tellOnce(
      'notify',
      { path: w.options.path, error: reason },
      'the system does not announce changes here; the folder is read again from time to time',
    );

  while (!w.signal.aborted) {
    wake = new AbortController();
    if (performance.now() >= rescanAtMs) {
      // Watching begins before reading, so that nothing falls between the two.
      notifier ??= (await look(w.options.path)) === null ? null : notifyChanges(w.options.path, onChange, onFailure);
      if (!(await rescan(w))) {
        notifier?.close();
        notifier = null;
      }
      rescanAtMs = performance.now() + w.options.rescanMs;
    }
    await pass(w);
    if (w.tracker.waiting.length > 0) await pause(w.options.settleMs ?? defaultSettleMs, w.signal);
    else await pause(Math.max(0, rescanAtMs - performance.now()), AbortSignal.any([w.signal, wake.signal]));
  }
  notifier?.close();
}

/** Reads the whole tree. false when the folder itself cannot be read: then nothing is forgotten, for it may come back. */
async function rescan(w: Watch): Promise<boolean> {
  const { captures, foreign, unreadable } = await walk(w.options.path, '', { kind: w.options.captures, links: 'left', signal: w.signal });
  if (w.signal.aborted) return true;
  const lost = unreadable.find(({ path }) => path === '');
  if (lost !== undefined) {
    if (w.status().state !== 'degraded')
      w.context.log.warn({ source: w.options.name, error: lost.reason }, 'folder cannot be read; it is tried again');
    w.update({ state: 'degraded', lastError: `the folder cannot be read: ${lost.reason}` });
    return false;
  }
  if (w.status().state === 'degraded') {
    w.context.log.info({ source: w.options.name }, 'folder can be read again');
    w.update({ state: 'running', lastError: null });
  }
  for (const { path, reason } of unreadable)
    w.tellOnce(`folder ${path}`, { path: shownPath(path), error: reason }, 'subfolder cannot be read');
  for (const path of foreign) {
    w.tellOnce(
      `kind ${extname(path).toLowerCase()}`,
      { path: shownPath(path) },
      `files of this kind are not read; ${formats[w.options.captures].listed}`,
    );
  }
  w.tracker.list(captures);
  return true;
}

/** Looks at everything that waits for it, and takes what is ready, oldest first. */
async function pass(w: Watch): Promise<void> {
  const ready: { readonly path: string; readonly seen: FileLook; readonly origin: string }[] = [];
  for (const path of w.tracker.waiting) {
    if (w.signal.aborted) return;
    const seen = await look(join(w.options.path, path));
    if (seen === 'folder') await lookInto(w, path);
    else if (seen === null || !isWatched(path, w.options.captures)) w.tracker.leave(path);
    else {
      const judgement = w.tracker.judge(path, seen);
      if (judgement.kind === 'take') ready.push({ path, seen, origin: judgement.origin });
    }
  }
  ready.sort((a, b) => a.seen.mtimeMs - b.seen.mtimeMs);
  const underWay = new Set<Promise<void>>();
  for (const { path, seen, origin } of ready) {
    while (underWay.size >= ahead) await Promise.race(underWay);
    if (w.signal.aborted) break;
    // Read one after the other, so that they are offered in order; only what follows runs side by side.
    const capture = await read(w, path, seen, origin);
    if (capture === null) continue;
    const job = offer(w, path, origin, capture).finally(() => underWay.delete(job));
    underWay.add(job);
  }
  await Promise.all(underWay);
}

/** Captures under way at once: one is computed, one is decoded meanwhile, one is being read or stored. */
const ahead = 3;

async function lookInto(w: Watch, folder: string): Promise<void> {
  w.tracker.leave(folder);
  if (!folder.split('/').every(isFolderWatched)) return;
  const { captures } = await walk(w.options.path, folder, { kind: w.options.captures, links: 'left', signal: w.signal });
  for (const path of captures) w.tracker.notice(path);
}

/** The same judgement that a walk makes, for paths that a notification names. */
function isWatched(path: string, kind: CaptureKind): boolean {
  return fileKind(basename(path), kind) === 'capture' && path.split('/').slice(0, -1).every(isFolderWatched);
}

/** null where the file is still being written, or cannot be used (said once). */
async function read(w: Watch, path: string, seen: FileLook, origin: string): Promise<Capture | null> {
  const { name, path: root, maxBytes = defaultMaxBytes, isClass, isKnown } = w.options;
  const outcome = await readFile(root, path, seen, maxBytes);
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
  return {
    source: name,
    timeMs,
    kind: w.options.captures,
    bytes: outcome.bytes,
    origin,
    moment: origin,
    ...(label === undefined ? {} : { label }),
  };
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
