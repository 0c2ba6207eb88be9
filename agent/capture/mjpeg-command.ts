// A source that runs a program which prints an MJPEG stream (rpicam-vid, ffmpeg, GStreamer, curl on an IP camera) and emits its pictures at
// a set rate: the latest wins, older ones are passed over and counted. Started again, ever more slowly, when it ends or stalls.
import type { BudgetLimits } from './budget.ts';
import { runCamera } from './camera-process.ts';
import { createLatestFrame, type Frame } from './latest-frame.ts';
import { createBursts } from './moments.ts';
import { createProgramSource } from './program-source.ts';
import type { Source } from './source.ts';

export interface MjpegOptions {
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly framesPerSecond: number;
  /** The program is ended and started again when no picture comes for this long. */
  readonly stallMs: number;
  readonly maxFrameBytes?: number;
  /** What is taken of it a minute; generous unless told. */
  readonly budget?: BudgetLimits;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs?: number;
  /** The first pause before the program is started again, and the longest. */
  readonly retryMinMs?: number;
  readonly retryMaxMs?: number;
}

/** Frames within this time of one another show the same. */
export const burstMs = 2000;

export function createMjpegSource(options: MjpegOptions): Source {
  const { name, budget, retryMinMs, retryMaxMs } = options;
  const camera = { ...options, maxFrameBytes: options.maxFrameBytes ?? 32 * 1024 * 1024, graceMs: options.graceMs ?? 1500 };
  const burstOf = createBursts(burstMs);
  return createProgramSource<Frame>({
    ...{ name, kind: 'mjpeg', unit: 'frame', silent: 'no picture yet', budget, retryMinMs, retryMaxMs },
    open: ({ emit }, outcome) =>
      createLatestFrame(
        1000 / options.framesPerSecond,
        ({ bytes, timeMs, moment }) => emit({ source: name, timeMs, kind: 'image', bytes, moment }),
        outcome,
      ),
    async run({ outlet, context, signal, status, update }) {
      let frames = 0;
      const reason = await runCamera(
        camera,
        {
          onFrame(bytes) {
            if (signal.aborted) return;
            if (status().state !== 'running') update({ state: 'running', lastError: null });
            frames += 1;
            outlet.offer({ bytes, timeMs: context.clock.now(), moment: burstOf(context.clock.monotonicMs()) });
          },
          onBroken: (count) => update({ dropped: status().dropped + count }),
        },
        signal,
      );
      return { reason, delivered: frames > 0 };
    },
  });
}
