// A source that runs a program which prints readings of a sensor, a JSON object a line, and emits each window of them. Started again, ever more
// slowly, when it ends or stalls; few windows wait, the oldest are dropped first.
import { messageOf } from '../errors.ts';
import { keepRunning } from './keep-running.ts';
import { runProgram } from './program.ts';
import { createReadingWindows, type WindowOptions } from './reading-windows.ts';
import type { Source, SourceContext, SourceStatus } from './source.ts';
import { createWaitingLine } from './waiting-line.ts';

export interface SensorCommandOptions {
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly window: WindowOptions;
  /** The program is ended and started again when no reading comes for this long. */
  readonly stallMs: number;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs?: number;
  readonly retryMinMs?: number;
  readonly retryMaxMs?: number;
}

interface Window {
  readonly bytes: Uint8Array;
  /** When it began. */
  readonly timeMs: number;
}

/** Windows that wait while the one before is computed. */
const longestLine = 16;

export function createSensorCommandSource(options: SensorCommandOptions): Source {
  const { name, command, window, stallMs, graceMs = 1500, retryMinMs = 1000, retryMaxMs = 30_000 } = options;
  let running: { readonly abort: AbortController; readonly loop: Promise<void> } | null = null;
  let status: SourceStatus = { state: 'stopped', lastCaptureMs: null, captures: 0, dropped: 0, lastError: null };
  const update = (change: Partial<SourceStatus>) => {
    status = { ...status, ...change };
  };

  function openLine({ emit, log }: SourceContext) {
    return createWaitingLine<Window>(longestLine, ({ bytes, timeMs }) => emit({ source: name, timeMs, kind: 'sensor', bytes }), {
      taken: ({ timeMs }) => update({ captures: status.captures + 1, lastCaptureMs: timeMs }),
      dropped(error) {
        update({ dropped: status.dropped + 1 });
        if (error !== null) log.debug({ source: name, error: messageOf(error) }, 'window not taken');
      },
    });
  }

  async function listen(context: SourceContext, signal: AbortSignal): Promise<void> {
    const line = openLine(context);
    signal.addEventListener('abort', line.close, { once: true });
    const run = async () => {
      const windows = createReadingWindows(window);
      const printed = {
        take(chunk: Buffer): boolean {
          if (signal.aborted) return false;
          const before = windows.readings;
          const nowMs = context.clock.now();
          for (const { bytes, lengthS } of windows.push(chunk, nowMs)) line.offer({ bytes, timeMs: Math.round(nowMs - 1000 * lengthS) });
          const isReading = windows.readings > before;
          if (isReading && status.state !== 'running') update({ state: 'running', lastError: null });
          return isReading;
        },
        stalled: () =>
          windows.unusable > 0
            ? `printed ${windows.unusable} lines that are no readings (a JSON object with '${window.time.key}'), and none`
            : 'printed no reading',
      };
      const reason = await runProgram({ command, stallMs, graceMs }, printed, signal);
      return { reason, delivered: windows.readings > 0 };
    };
    await keepRunning({ name, retryMinMs, retryMaxMs }, run, context, update, signal);
  }

  return {
    name,
    kind: 'sensor',
    async start(context) {
      if (running !== null) return;
      update({ state: 'degraded', lastError: 'no reading yet' });
      const abort = new AbortController();
      running = { abort, loop: listen(context, abort.signal) };
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
