// One run of a program that prints JPEG pictures: hands out its pictures, ends it when none comes for too long. Takes a command, gives the
// sentence that says why it ended; never throws.
import { createJpegSplitter } from './jpeg-split.ts';
import { type ProgramOptions, runProgram } from './program.ts';

export interface CameraOptions extends ProgramOptions {
  readonly maxFrameBytes: number;
}

export function runCamera(
  options: CameraOptions,
  onFrame: (frame: Uint8Array, broken: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const splitter = createJpegSplitter(options.maxFrameBytes);
  let frames = 0;
  let bytes = 0;
  const printed = {
    take(chunk: Buffer): boolean {
      bytes += chunk.length;
      const pictures = splitter.push(chunk);
      frames += pictures.length;
      for (const picture of pictures) onFrame(picture, splitter.broken);
      return pictures.length > 0;
    },
    stalled() {
      return bytes === 0 ? 'printed nothing' : frames === 0 ? `printed ${bytes} bytes, but no JPEG picture` : 'printed no picture';
    },
  };
  return runProgram(options, printed, signal);
}
