// One run of a program that prints JPEG pictures: hands out its pictures, ends it when none comes for too long. Takes a command, gives the
// sentence that says why it ended; never throws.
import { createJpegSplitter } from './jpeg-split.ts';
import { type ProgramOptions, runProgram } from './program.ts';

export interface CameraOptions extends ProgramOptions {
  readonly maxFrameBytes: number;
}

export interface Frames {
  onFrame(frame: Uint8Array): void;
  /** So many more were cut off, damaged or too large. */
  onBroken(count: number): void;
}

export function runCamera(options: CameraOptions, { onFrame, onBroken }: Frames, signal: AbortSignal): Promise<string> {
  const splitter = createJpegSplitter(options.maxFrameBytes);
  let frames = 0;
  let bytes = 0;
  const printed = {
    take(chunk: Buffer): boolean {
      bytes += chunk.length;
      const before = splitter.broken;
      const pictures = splitter.push(chunk);
      frames += pictures.length;
      if (splitter.broken > before) onBroken(splitter.broken - before);
      for (const picture of pictures) onFrame(picture);
      return pictures.length > 0;
    },
    stalled() {
      if (bytes === 0) return 'printed nothing';
      if (frames > 0) return 'printed no picture';
      const broken =
        splitter.broken === 0 ? '' : `${splitter.broken} broken ${splitter.broken === 1 ? 'picture' : 'pictures'} among them, `;
      return `printed ${bytes} bytes, ${broken}but no JPEG picture`;
    },
  };
  return runProgram(options, printed, signal);
}
