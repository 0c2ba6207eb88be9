// A source that runs a program which prints an MJPEG stream (rpicam-vid, ffmpeg, GStreamer, curl on an IP camera) and emits its pictures at
// a set rate: the latest wins, older ones are dropped and counted. Started again, ever more slowly, when it ends or stalls.
import { messageOf } from '../errors.ts';
import { runCamera } from './camera-process.ts';
import { createLatestFrame } from './latest-frame.ts';
import { pause, type Source, type SourceContext, type SourceStatus } from './source.ts';

export interface MjpegOptions {
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly framesPerSecond: number;
  /** The program is ended and started again when no picture comes for this long. */
  readonly stallMs: number;
  readonly maxFrameBytes?: number;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs?: number;
  /** The first pause before the program is started again, and the longest. */
  readonly retryMinMs?: number;
  readonly retryMaxMs?: number;
}

export function createMjpegSource(options: MjpegOptions): Source {
  const { name, retryMinMs = 1000, retryMaxMs = 30_000 } = options;
  const camera = { ...options, maxFrameBytes: options.maxFrameBytes ?? 32 * 1024 * 1024, graceMs: options.graceMs ?? 1500 };
  let running: { readonly abort: AbortController; readonly loop: Promise<void> } | null = null;
  let status: SourceStatus = { state: 'stopped', lastCaptureMs: null, captures: 0, dropped: 0, lastError: null };
  const update = (change: Partial<SourceStatus>) => {
    status = { ...status, ...change };
  };

  function openOutlet({ emit, log }: SourceContext) {
    return createLatestFrame(1000 / options.framesPerSecond, ({ bytes, timeMs }) => emit({ source: name, timeMs, kind: 'image', bytes }), {
      taken: ({ timeMs }) => update({ captures: status.captures + 1, lastCaptureMs: timeMs }),
      dropped(error) {
        update({ dropped: status.dropped + 1 });
        if (error !== null) log.debug({ source: name, error: messageOf(error) }, 'frame not taken');
      },
    });
  }

  async function keepRunning(context: SourceContext, signal: AbortSignal): Promise<void> {
    const outlet = openOutlet(context);
    signal.addEventListener('abort', outlet.close, { once: true });
    let retryMs = retryMinMs;
    let toldReason: string | null = null;
    while (!signal.aborted) {
      let frames = 0;
      let broken = 0;
      const onFrame = (bytes: Uint8Array, brokenSoFar: number) => {
        if (signal.aborted) return;
        update({ state: 'running', lastError: null, dropped: status.dropped + brokenSoFar - broken });
        frames += 1;
        broken = brokenSoFar;
        outlet.offer({ bytes, timeMs: context.clock.now() });
      };
      const reason = await runCamera(camera, onFrame, signal);
      if (signal.aborted) return;
      update({ state: 'degraded', lastError: reason });
      // A program that delivered is worth a quick try; one that never does is not.
      if (frames > 0) retryMs = retryMinMs;
      // Said once, not every half minute of a night.
      context.log[reason === toldReason ? 'debug' : 'warn']({ source: name, reason, retryMs }, 'camera program will be started again');
      toldReason = reason;
      await pause(retryMs, signal);
      retryMs = Math.min(retryMs * 2, retryMaxMs);
    }
  }

  return {
    name,
    kind: 'mjpeg',
    async start(context) {
      if (running !== null) return;
      update({ state: 'degraded', lastError: 'no picture yet' });
      const abort = new AbortController();
      running = { abort, loop: keepRunning(context, abort.signal) };
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
