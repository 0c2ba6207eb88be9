// A microphone that hears recordings: a named pipe, whose other end the device listens to through `cat`. Takes WAV files, plays them one after
// the other with the faint noise of an empty room around them, faster than real time.
import { execFile } from 'node:child_process';
import { type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { toPcm } from '../capture/pcm.ts';
import { messageOf, WhetError } from '../errors.ts';
import { resample } from '../preprocess/resample.ts';
import { decodeWav } from '../preprocess/wav.ts';
import { randomOf } from '../random.ts';

export interface RecordedMicrophone {
  /** What the device runs to hear it. */
  readonly command: readonly string[];
  readonly sampleRate: number;
  /** Plays one word and the silence that ends it. Resolves when the pipe has taken it. */
  say(wav: Uint8Array): Promise<void>;
  silence(seconds: number): Promise<void>;
  close(): Promise<void>;
}

const sampleRate = 8000;
/** About two steps of 16 bits. */
const roomLevel = 6e-5;

export async function createRecordedMicrophone(path: string): Promise<RecordedMicrophone> {
  await promisify(execFile)('mkfifo', ['-m', '600', path]).catch((error: unknown) => {
    throw new WhetError('output-failed', `the demo's microphone, a named pipe, cannot be made: ${messageOf(error)}`);
  });
  // For reading as well, so that opening waits for nobody and the other end never sees an end before this one closes.
  const pipe: FileHandle = await open(path, 'r+');
  const random = randomOf(1);
  const room = (samples: Float32Array) => samples.map((value) => value + roomLevel * (2 * random() - 1));
  const play = async (samples: Float32Array) => {
    await pipe.writeFile(toPcm(room(samples)));
  };
  return {
    command: ['cat', path],
    sampleRate,
    async say(wav) {
      const { samples, sampleRate: rate } = decodeWav(wav);
      await play(resample(samples, rate, sampleRate));
      await play(new Float32Array(0.7 * sampleRate));
    },
    silence: (seconds) => play(new Float32Array(Math.round(seconds * sampleRate))),
    close: () => pipe.close(),
  };
}
