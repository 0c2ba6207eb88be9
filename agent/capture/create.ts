// An entry of `sources` in the configuration → the source.
import { microphoneCommand, type SourceConfig } from '../config/source-schema.ts';
import type { CaptureKind } from '../types.ts';
import { createFolderSource } from './folder.ts';
import { createMicrophoneSource, type Segmenter } from './microphone.ts';
import { createMjpegSource } from './mjpeg-command.ts';
import type { Source } from './source.ts';

export interface SourceSurroundings {
  /** Whether a subfolder of this name is a label: a class of the model, or any name where classes may be new. */
  readonly isClass: (name: string) => boolean;
  /** What the model takes. */
  readonly captures: CaptureKind;
  /** Cuts what a microphone hears into utterances. */
  readonly createSegmenter: (sampleRate: number) => Segmenter;
}

export function createSource(config: SourceConfig, { isClass, captures, createSegmenter }: SourceSurroundings): Source {
  switch (config.kind) {
    case 'folder':
      return createFolderSource({ name: config.name, path: config.path, captures, rescanMs: config.rescanSeconds * 1000, isClass });
    case 'mjpeg': {
      const { name, command, framesPerSecond, stallSeconds } = config;
      return createMjpegSource({ name, command, framesPerSecond, stallMs: stallSeconds * 1000 });
    }
    case 'microphone': {
      const { name, sampleRate, stallSeconds } = config;
      const command = microphoneCommand(config);
      return createMicrophoneSource({ name, command, sampleRate, stallMs: stallSeconds * 1000, createSegmenter });
    }
  }
}
