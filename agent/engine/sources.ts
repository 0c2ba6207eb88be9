// The sources of a device as one: started and stopped side by side, asked how they are. One that hangs or fails is its own trouble: it is told as
// degraded, and nothing waits for it longer than a moment.
import type { Source, SourceContext, SourceStatus } from '../capture/source.ts';
import { pause } from '../capture/source.ts';
import { messageOf } from '../errors.ts';
import type { SourceState } from './parts.ts';

export interface Sources {
  /** Resolves when all have started, or have had their time for it. */
  start(context: SourceContext): Promise<void>;
  /** Resolves when all have stopped, or have had their time for it. */
  stop(): Promise<void>;
  states(): readonly SourceState[];
  /** A sentence for each that does not give what it should. */
  degraded(): readonly string[];
}

export interface Patience {
  /** What does not start within this time is not waited for; it may still start. */
  readonly startMs: number;
  /** What does not stop within this time is left behind. */
  readonly stopMs: number;
}

interface Kept {
  readonly source: Source;
  /** 'starting' since a time of the monotonic clock; 'failed' with the reason. */
  start:
    | { readonly kind: 'none' | 'started' }
    | { readonly kind: 'starting'; readonly sinceMs: number }
    | { readonly kind: 'failed'; readonly reason: string };
}

export function joinSources(sources: readonly Source[], { startMs, stopMs }: Patience = { startMs: 2000, stopMs: 7000 }): Sources {
  const all: readonly Kept[] = sources.map((source) => ({ source, start: { kind: 'none' } }));

  async function startOne(kept: Kept, context: SourceContext): Promise<void> {
    kept.start = { kind: 'starting', sinceMs: context.clock.monotonicMs() };
    try {
      await kept.source.start(context);
      kept.start = { kind: 'started' };
    } catch (error) {
      const reason = messageOf(error);
      kept.start = { kind: 'failed', reason };
      context.log.error({ source: kept.source.name, error: reason }, 'a source cannot be started');
    }
  }

  /** A source that has not come up says so, whatever it thinks of itself. */
  function statusOf({ source, start }: Kept): SourceStatus {
    const status = source.status();
    if (start.kind === 'failed') return { ...status, state: 'degraded', lastError: `it cannot be started: ${start.reason}` };
    if (start.kind === 'starting')
      return { ...status, state: 'degraded', lastError: status.lastError ?? 'its start has not come to an end' };
    return status;
  }

  const states = () => all.map((kept) => ({ name: kept.source.name, kind: kept.source.kind, ...statusOf(kept) }));
  return {
    async start(context) {
      const starts = all.map((kept) => startOne(kept, context));
      await within(startMs, Promise.all(starts));
      for (const { source, start } of all) {
        if (start.kind === 'starting') context.log.warn({ source: source.name }, 'a source has not started yet; it is not waited for');
      }
    },
    async stop() {
      // A camera that ignores its signal takes a while; four of them no longer than one.
      await within(stopMs, Promise.allSettled(all.map(({ source }) => source.stop())));
    },
    states,
    degraded: () =>
      states()
        .filter(({ state }) => state === 'degraded')
        .map(({ name, lastError }) => `source ${name}: ${lastError ?? 'degraded'}`),
  };
}

async function within(durationMs: number, work: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  await Promise.race([work.finally(() => done.abort()), pause(durationMs, done.signal)]);
}
