// A source that runs a program which prints readings of a sensor, a JSON object a line, and emits each window of them. Started again, ever more
// slowly, when it ends or stalls; few windows wait, the oldest are dropped first.
import type { BudgetLimits } from './budget.ts';
import { createMomentNames } from './moments.ts';
import { runProgram } from './program.ts';
import { createProgramSource } from './program-source.ts';
import { createReadingWindows, type WindowOptions } from './reading-windows.ts';
import type { Source } from './source.ts';
import { createWaitingLine } from './waiting-line.ts';

export interface SensorCommandOptions {
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly window: WindowOptions;
  /** The program is ended and started again when no reading comes for this long. */
  readonly stallMs: number;
  /** What is taken of it a minute; generous unless told. */
  readonly budget?: BudgetLimits;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs?: number;
  readonly retryMinMs?: number;
  readonly retryMaxMs?: number;
}

interface Window {
  readonly bytes: Uint8Array;
  /** When it began. */
  readonly timeMs: number;
  readonly moment: string;
}

/** Windows that wait while the one before is computed. */
const line = { longest: 16, mostBytes: 32 * 1024 * 1024, sizeOf: ({ bytes }: Window) => bytes.length };

/** How long it is said after the last one. */
const tellMs = 60_000;
const timesJump = 'readings were thrown away: their times run backwards, or stand still; look at the clock of the sensor';

export function createSensorCommandSource(options: SensorCommandOptions): Source {
  const { name, command, window, stallMs, graceMs = 1500, budget, retryMinMs, retryMaxMs } = options;
  const nameRun = createMomentNames();
  return createProgramSource<Window>({
    ...{ name, kind: 'sensor', unit: 'window', silent: 'no reading yet', budget, retryMinMs, retryMaxMs },
    open: ({ emit }, outcome) =>
      createWaitingLine<Window>(
        line,
        ({ bytes, timeMs, moment }) => emit({ source: name, timeMs, kind: 'sensor', bytes, moment }),
        outcome,
      ),
    async run({ outlet, context, signal, status, update }) {
      const run = nameRun();
      const windows = createReadingWindows(window);
      let thrownAway = 0;
      let toldUntilMs = 0;
      const tellThrownAway = () => {
        const now = windows.lost + windows.overtaken;
        if (now === thrownAway) {
          if (thrownAway > 0 && context.clock.monotonicMs() > toldUntilMs) update({ lastError: null });
          return;
        }
        toldUntilMs = context.clock.monotonicMs() + tellMs;
        if (thrownAway === 0) context.log.warn({ source: name, readings: now }, timesJump);
        update({ dropped: status().dropped + now - thrownAway, lastError: `${now} ${timesJump}` });
        thrownAway = now;
      };
      const printed = {
        take(chunk: Buffer): boolean {
          if (signal.aborted) return false;
          const before = windows.readings;
          const nowMs = context.clock.now();
          for (const { bytes, lengthS, chain } of windows.push(chunk, nowMs)) {
            outlet.offer({ bytes, timeMs: Math.round(nowMs - 1000 * lengthS), moment: `${run}.${chain}` });
          }
          tellThrownAway();
          const isReading = windows.readings > before;
          if (isReading && status().state !== 'running')
            update({ state: 'running', lastError: thrownAway === 0 ? null : status().lastError });
          return isReading;
        },
        stalled: () =>
          windows.unusable > 0
            ? `printed ${windows.unusable} lines that are no readings (a JSON object with '${window.time.key}'), and none`
            : 'printed no reading',
      };
      const reason = await runProgram({ command, stallMs, graceMs }, printed, signal);
      return { reason, delivered: windows.readings > 0 };
    },
  });
}
