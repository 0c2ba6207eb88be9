// A real context for sources under test: keeps what is emitted and logged.

import { setTimeout as sleep } from 'node:timers/promises';
import type { SourceContext } from '../../agent/capture/source.ts';
import { machineClock } from '../../agent/clock.ts';
import type { Capture } from '../../agent/types.ts';

export interface Recorder {
  readonly context: SourceContext;
  readonly captures: Capture[];
  readonly warnings: string[];
  /** Waits until the condition holds; fails after a minute, saying what it waited for. */
  until(what: string, condition: () => boolean): Promise<void>;
}

export function createRecorder(
  options: { readonly emit?: (capture: Capture) => Promise<void>; readonly seen?: (origin: string) => boolean } = {},
): Recorder {
  const captures: Capture[] = [];
  const warnings: string[] = [];
  const note = (fields: unknown, message?: string) => {
    warnings.push(`${message} ${JSON.stringify(fields)}`);
  };
  const quiet = () => {};
  return {
    captures,
    warnings,
    context: {
      async emit(capture) {
        await options.emit?.(capture);
        captures.push(capture);
      },
      seen: options.seen ?? (() => false),
      log: { trace: quiet, debug: quiet, info: quiet, warn: note, error: note, fatal: note },
      clock: machineClock,
    },
    async until(what, condition) {
      const deadline = performance.now() + 60_000;
      while (!condition()) {
        if (performance.now() > deadline) throw new Error(`waited in vain for ${what}: ${JSON.stringify(warnings)}`);
        await sleep(5);
      }
    },
  };
}
