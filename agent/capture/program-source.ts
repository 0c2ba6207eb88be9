// What all sources that listen to a program have in common: they start and stop, are degraded until something comes, count what is taken and
// dropped, and start the program again. Takes how captures wait and how one run of the program goes.
import { messageOf } from '../errors.ts';
import type { Capture } from '../types.ts';
import { type Budget, type BudgetLimits, createBudget, defaultBudget } from './budget.ts';
import { keepRunning, type Restarts, type Run } from './keep-running.ts';
import type { Source, SourceContext, SourceStatus } from './source.ts';

/** Where captures wait for the collect loop. */
export interface Outlet<T> {
  offer(item: T): void;
  /** Forgets what waits; nothing is handed out after this. */
  close(): void;
}

/** What became of each capture. */
export interface Outcome {
  taken(item: { readonly timeMs: number }): void;
  dropped(error: unknown): void;
  passedOver(): void;
}

export interface ProgramSource<T> {
  readonly name: string;
  readonly kind: string;
  /** What one capture is called, for people: frame, utterance, window. */
  readonly unit: string;
  /** What is said until the first one comes. */
  readonly silent: string;
  readonly budget?: BudgetLimits | undefined;
  readonly retryMinMs?: number | undefined;
  readonly retryMaxMs?: number | undefined;
  open(context: SourceContext, outcome: Outcome): Outlet<T>;
  /** One run of the program, until it ends, stalls or the signal comes. */
  run(live: Live<T>): Promise<Run>;
}

/** What a run may use. */
export interface Live<T> {
  readonly outlet: Outlet<T>;
  readonly context: SourceContext;
  readonly signal: AbortSignal;
  readonly status: () => SourceStatus;
  readonly update: (change: Partial<SourceStatus>) => void;
}

/** Not a fault of the capture: the source gives more than its budget. */
class OverBudget extends Error {}

export function createProgramSource<T>({ name, kind, unit, silent, open, run, budget: limits, ...pauses }: ProgramSource<T>): Source {
  const restarts: Restarts = { name, retryMinMs: pauses.retryMinMs ?? 1000, retryMaxMs: pauses.retryMaxMs ?? 30_000 };
  let running: { readonly abort: AbortController; readonly loop: Promise<void> } | null = null;
  let budget: Budget | null = null;
  let status: SourceStatus = { state: 'stopped', lastCaptureMs: null, captures: 0, dropped: 0, passedOver: 0, lastError: null };
  const update = (change: Partial<SourceStatus>) => {
    status = { ...status, ...change };
  };

  async function listen(context: SourceContext, signal: AbortSignal): Promise<void> {
    budget = createBudget(limits ?? defaultBudget, context.clock);
    const emit = async (capture: Capture) => {
      if (budget?.take(capture.bytes.length) !== true) throw new OverBudget();
      await context.emit(capture);
    };
    const passOver = () => {
      update({ passedOver: status.passedOver + 1 });
      if (budget?.passOver()) context.log.warn({ source: name }, `source ${budget.sentence()}`);
    };
    const outlet = open(
      { ...context, emit },
      {
        taken: () => update({ captures: status.captures + 1, lastCaptureMs: context.clock.now() }),
        passedOver: () => update({ passedOver: status.passedOver + 1 }),
        dropped(error) {
          if (error instanceof OverBudget) return passOver();
          update({ dropped: status.dropped + 1 });
          if (error !== null) context.log.debug({ source: name, error: messageOf(error) }, `${unit} not taken`);
        },
      },
    );
    signal.addEventListener('abort', outlet.close, { once: true });
    await keepRunning(restarts, () => run({ outlet, context, signal, status: () => status, update }), context, update, signal);
  }

  return {
    name,
    kind,
    async start(context) {
      if (running !== null) return;
      update({ state: 'degraded', lastError: silent });
      const abort = new AbortController();
      running = { abort, loop: listen(context, abort.signal) };
    },
    async stop() {
      running?.abort.abort();
      await running?.loop;
      running = null;
      budget = null;
      update({ state: 'stopped', lastError: null });
    },
    status: () => ({ ...status, lastError: status.lastError ?? budget?.sentence() ?? null }),
  };
}
