// A source that watches a folder and everything below it: a new file is a capture, a subfolder named like a class is the label of all below it. A file
// is taken when two looks at it agree, so that nobody's half-written file is read; what cannot be read is said once. Bounded, however many files fall in.
import type { CaptureKind } from '../types.ts';
import { type Budget, type BudgetLimits, createBudget, defaultBudget } from './budget.ts';
import { shownPath } from './file-names.ts';
import { createTracker, type TrackerLimits } from './folder-tracker.ts';
import { keepWatching } from './folder-watch.ts';
import { pause, type Source, type SourceStatus } from './source.ts';

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
  /** What is taken of it a minute; the other files wait where they are. */
  readonly budget?: BudgetLimits;
  /** Size and time of a file must stay the same for this long. */
  readonly settleMs?: number;
  /** Larger files are refused. */
  readonly maxBytes?: number;
  /** Folders whose changes the system is asked to announce; the others are read again from time to time. */
  readonly mostWatches?: number;
  readonly tracked?: TrackerLimits;
  /** A file system that does not answer for this long hangs. */
  readonly stuckMs?: number;
}

const defaults = {
  budget: defaultBudget,
  settleMs: 1000,
  maxBytes: 64 * 1024 * 1024,
  mostWatches: 500,
  tracked: { waiting: 20_000, done: 100_000 },
  stuckMs: 60_000,
};
/** Troubles that are told once each; what a stranger puts into a folder is without end. */
const mostTold = 1000;
/** Nobody waits for a file system that hangs. */
const stopMs = 3000;

export function createFolderSource(given: FolderOptions): Source {
  const options: Required<FolderOptions> = { ...defaults, isKnown: given.isClass, ...given };
  let running: { readonly abort: AbortController; readonly loop: Promise<void> } | null = null;
  let status: SourceStatus = { state: 'stopped', lastCaptureMs: null, captures: 0, dropped: 0, passedOver: 0, lastError: null };
  let budget: Budget | null = null;
  /** What the file system is asked, and since when; null where it has answered. */
  let asked: { readonly path: string; readonly sinceMs: number } | null = null;
  const update = (change: Partial<SourceStatus>) => {
    status = { ...status, ...change };
  };

  function hangs(): string | null {
    const waitedMs = asked === null ? 0 : performance.now() - asked.sinceMs;
    if (asked === null || waitedMs < options.stuckMs) return null;
    const what = asked.path === '' ? 'the folder' : shownPath(asked.path);
    return `reading ${what} has not come to an end for ${Math.round(waitedMs / 1000)} s: does its drive or network share hang?`;
  }

  return {
    name: options.name,
    kind: 'folder',
    async start(context) {
      if (running !== null) return;
      update({ state: 'running', lastError: null });
      const abort = new AbortController();
      const told = new Set<string>();
      budget = createBudget(options.budget, context.clock);
      asked = null;
      const loop = keepWatching({
        options,
        context,
        signal: abort.signal,
        tracker: createTracker((origin) => context.seen(origin), options.tracked),
        budget,
        status: () => status,
        update: (change) => {
          if (!abort.signal.aborted) update(change);
        },
        tellOnce(key, fields, message) {
          if (told.has(key) || told.size >= mostTold) return;
          told.add(key);
          context.log.warn({ source: options.name, ...fields }, message);
        },
        async reach(path, answer) {
          if (!abort.signal.aborted) asked = { path, sinceMs: performance.now() };
          const answered = await answer;
          if (!abort.signal.aborted) asked = null;
          return answered;
        },
      });
      running = { abort, loop };
    },
    async stop() {
      if (running === null) return;
      running.abort.abort();
      const done = new AbortController();
      await Promise.race([running.loop.finally(() => done.abort()), pause(stopMs, done.signal)]);
      running = null;
      asked = null;
      budget = null;
      update({ state: 'stopped', lastError: null });
    },
    status() {
      const reason = hangs();
      if (reason !== null && status.state === 'running') return { ...status, state: 'degraded', lastError: reason };
      return { ...status, lastError: status.lastError ?? budget?.sentence() ?? null };
    },
  };
}
