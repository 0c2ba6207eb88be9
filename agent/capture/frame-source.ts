// Pictures at a set rate from something that gives more of them: the latest wins, older ones are passed over and counted. Takes how one connection
// to a camera goes, until it ends; it is made again, ever more slowly, when it ends or stalls.
import { messageOf } from '../errors.ts';
import type { BudgetLimits } from './budget.ts';
import { type Frames, runCamera } from './camera-process.ts';
import { createLatestFrame, type Frame } from './latest-frame.ts';
import { createBursts } from './moments.ts';
import { createProgramSource } from './program-source.ts';
import type { Source } from './source.ts';

export interface FrameSourceOptions {
  readonly name: string;
  readonly kind: string;
  readonly framesPerSecond: number;
  /** What is taken of it a minute; generous unless told. */
  readonly budget?: BudgetLimits | undefined;
  /** The first pause before it is tried again, and the longest. */
  readonly retryMinMs?: number | undefined;
  readonly retryMaxMs?: number | undefined;
}

/** Frames within this time of one another show the same. */
export const burstMs = 2000;

/** `connect` hands out pictures until it ends, and gives the sentence that says why; it never throws. */
export function createFrameSource(
  { name, kind, framesPerSecond, budget, retryMinMs, retryMaxMs }: FrameSourceOptions,
  connect: (frames: Frames, signal: AbortSignal) => Promise<string>,
): Source {
  const burstOf = createBursts(burstMs);
  return createProgramSource<Frame>({
    ...{ name, kind, unit: 'frame', silent: 'no picture yet', budget, retryMinMs, retryMaxMs },
    open: ({ emit }, outcome) =>
      createLatestFrame(
        1000 / framesPerSecond,
        ({ bytes, timeMs, moment }) => emit({ source: name, timeMs, kind: 'image', bytes, moment }),
        outcome,
      ),
    async run({ outlet, context, signal, status, update }) {
      let frames = 0;
      const reason = await connect(
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

export interface CameraProgramOptions extends FrameSourceOptions {
  /** Program and arguments, looked up anew for each run. */
  command(): Promise<readonly string[]>;
  /** What it reads from its standard input. */
  input?(): Promise<string>;
  /** The program is ended and started again when no picture comes for this long. */
  readonly stallMs: number;
  readonly maxFrameBytes?: number | undefined;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs?: number | undefined;
  /** What to add to the sentence that says why a run ended. */
  explain?(reason: string): Promise<string>;
}

/** Larger pictures are broken ones. */
export const maxFrameBytes = 32 * 1024 * 1024;

/** A source that runs a program which prints JPEG pictures (rpicam-vid, ffmpeg, GStreamer, curl on an IP camera). */
export function createCameraProgram(options: CameraProgramOptions): Source {
  return createFrameSource(options, async (frames, signal) => {
    let prepared: { readonly command: readonly string[]; readonly input: string | undefined };
    try {
      prepared = { command: await options.command(), input: await options.input?.() };
    } catch (error) {
      return messageOf(error);
    }
    const reason = await runCamera(
      {
        ...prepared,
        stallMs: options.stallMs,
        maxFrameBytes: options.maxFrameBytes ?? maxFrameBytes,
        graceMs: options.graceMs ?? 1500,
      },
      frames,
      signal,
    );
    return options.explain === undefined ? reason : options.explain(reason);
  });
}
