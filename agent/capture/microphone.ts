// A source that runs a program which prints raw sound (arecord, ffmpeg, a pipe) and emits each utterance as a WAV file. Takes a function that
// cuts samples into utterances. Started again, ever more slowly, when it ends or stalls; few utterances wait, the oldest are dropped first.
import type { BudgetLimits } from './budget.ts';
import { createUtterances } from './moments.ts';
import { createPcmReader, toWav } from './pcm.ts';
import { runProgram } from './program.ts';
import { createProgramSource } from './program-source.ts';
import type { Source } from './source.ts';
import { createWaitingLine } from './waiting-line.ts';

/** Cuts a stream of samples into utterances; holds no more than one of bounded length. */
export interface Segmenter {
  /** Takes the next samples, in [-1, 1]; gives the utterances that ended within them. */
  push(samples: Float32Array): readonly Heard[];
  /** The stream has ended: what is under way is all there will be. */
  flush(): readonly Heard[];
}

export interface Heard {
  readonly samples: Float32Array;
  /** Position of its first sample in the stream. */
  readonly start?: number;
  /** 'cut': it was too long for one, and goes on in the next. */
  readonly end?: 'silence' | 'cut' | 'flush';
}

export interface MicrophoneOptions {
  readonly name: string;
  /** Program and arguments; it prints signed 16-bit little-endian mono PCM. */
  readonly command: readonly string[];
  readonly sampleRate: number;
  /** The program is ended and started again when no sound, not even silence, comes for this long. */
  readonly stallMs: number;
  readonly createSegmenter: (sampleRate: number) => Segmenter;
  /** What is taken of it a minute; generous unless told. */
  readonly budget?: BudgetLimits;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs?: number;
  readonly retryMinMs?: number;
  readonly retryMaxMs?: number;
}

interface Utterance {
  readonly wav: Uint8Array;
  /** When it began. */
  readonly timeMs: number;
  readonly moment: string;
}

/** Utterances that wait while the one before is computed. */
const line = { longest: 16, mostBytes: 32 * 1024 * 1024, sizeOf: ({ wav }: Utterance) => wav.length };

export function createMicrophoneSource(options: MicrophoneOptions): Source {
  const { name, command, sampleRate, stallMs, graceMs = 1500, budget, retryMinMs, retryMaxMs } = options;
  return createProgramSource<Utterance>({
    ...{ name, kind: 'microphone', unit: 'utterance', silent: 'no sound yet', budget, retryMinMs, retryMaxMs },
    open: ({ emit }, outcome) =>
      createWaitingLine<Utterance>(
        line,
        ({ wav, timeMs, moment }) => emit({ source: name, timeMs, kind: 'audio', bytes: wav, moment }),
        outcome,
      ),
    async run({ outlet, context, signal, status, update }) {
      const read = createPcmReader();
      const segmenter = options.createSegmenter(sampleRate);
      const utteranceOf = createUtterances();
      let bytes = 0;
      const hear = (heard: readonly Heard[]) => {
        for (const { samples, start = 0, end } of heard) {
          const timeMs = Math.round(context.clock.now() - (1000 * samples.length) / sampleRate);
          const [fromS, toS] = [start / sampleRate, (start + samples.length) / sampleRate];
          outlet.offer({ wav: toWav(samples, sampleRate), timeMs, moment: utteranceOf({ fromS, toS, isCut: end === 'cut' }) });
        }
      };
      const printed = {
        take(chunk: Buffer): boolean {
          if (signal.aborted) return false;
          bytes += chunk.length;
          if (status().state !== 'running') update({ state: 'running', lastError: null });
          hear(segmenter.push(read(chunk)));
          return true;
        },
        stalled: () => (bytes === 0 ? 'printed nothing' : 'printed no sound, not even silence,'),
      };
      const reason = await runProgram({ command, stallMs, graceMs }, printed, signal);
      if (!signal.aborted) hear(segmenter.flush());
      return { reason, delivered: bytes > 0 };
    },
  });
}
