// A source that runs a program which prints an MJPEG stream (rpicam-vid, ffmpeg, GStreamer, curl on an IP camera) and emits its pictures at
// a set rate: the latest wins, older ones are dropped and counted. Started again, ever more slowly, when it ends or stalls.
import { messageOf } from '../errors.ts';
import { runCamera } from './camera-process.ts';
import { keepRunning } from './keep-running.ts';
import { createLatestFrame } from './latest-frame.ts';
import type { Source, SourceContext, SourceStatus } from './source.ts';

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

  async function watch(context: SourceContext, signal: AbortSignal): Promise<void> {
    const outlet = openOutlet(context);
    signal.addEventListener('abort', outlet.close, { once: true });
    const run = async () => {
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
      return { reason, delivered: frames > 0 };
    };
    await keepRunning({ name, retryMinMs, retryMaxMs }, run, context, update, signal);
  }

  return {
    name,
    kind: 'mjpeg',
    async start(context) {
      if (running !== null) return;
      update({ state: 'degraded', lastError: 'no picture yet' });
      const abort = new AbortController();
      running = { abort, loop: watch(context, abort.signal) };
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
