// An entry of `sources` in the configuration → the source.
import type { SensorInput } from '../config/sensor-input.ts';
import { microphoneCommand, type SensorSource, type SourceConfig } from '../config/source-schema.ts';
import { WhetError } from '../errors.ts';
import type { CaptureKind } from '../types.ts';
import { createFolderSource } from './folder.ts';
import { createMicrophoneSource, type Segmenter } from './microphone.ts';
import { createMjpegSource } from './mjpeg-command.ts';
import type { WindowOptions } from './reading-windows.ts';
import { createSensorCommandSource } from './sensor-command.ts';
import type { Source } from './source.ts';

export interface SourceSurroundings {
  /** Whether a subfolder of this name is a label: a class of the model, or any name where classes may be new. */
  readonly isClass: (name: string) => boolean;
  /** Whether it is a class of the model already. */
  readonly isKnown: (name: string) => boolean;
  /** What the model takes. */
  readonly captures: CaptureKind;
  /** How the model's windows are made of readings; null where it takes none. */
  readonly sensor: SensorInput | null;
  /** Cuts what a microphone hears into utterances. */
  readonly createSegmenter: (sampleRate: number) => Segmenter;
}

export function createSource(config: SourceConfig, surroundings: SourceSurroundings): Source {
  const { isClass, isKnown, captures, sensor, createSegmenter } = surroundings;
  switch (config.kind) {
    case 'folder':
      return createFolderSource({
        name: config.name,
        path: config.path,
        captures,
        rescanMs: config.rescanSeconds * 1000,
        isClass,
        isKnown,
      });
    case 'mjpeg': {
      const { name, command, framesPerSecond, stallSeconds } = config;
      return createMjpegSource({ name, command, framesPerSecond, stallMs: stallSeconds * 1000 });
    }
    case 'microphone': {
      const { name, sampleRate, stallSeconds } = config;
      const command = microphoneCommand(config);
      return createMicrophoneSource({ name, command, sampleRate, stallMs: stallSeconds * 1000, createSegmenter });
    }
    case 'sensor': {
      const { name, command, stallSeconds } = config;
      return createSensorCommandSource({ name, command, window: windowOf(config, sensor), stallMs: stallSeconds * 1000 });
    }
  }
}

const perSecond = { s: 1, ms: 1e3, us: 1e6 } as const;

function windowOf({ name, everySeconds, time }: SensorSource, sensor: SensorInput | null): WindowOptions {
  if (sensor === null)
    throw new WhetError('config-invalid', `source '${name}' gives sensor readings, and the model takes none (its card says so)`, {
      hint: 'Use another source, or another model.',
    });
  if (sensor.time === null && time === 'own')
    throw new WhetError(
      'config-invalid',
      `source '${name}': readings of this model have no time of their own, and windows are cut by time`,
      {
        hint: 'Name the time in the model card, or set `time: arrival` and a time in the card.',
      },
    );
  const lengthS = sensor.samples / sensor.sampleRate;
  const { column, unit } = sensor.time ?? { column: 't', unit: 's' };
  return { lengthS, everyS: everySeconds ?? lengthS, time: { key: column, perSecond: perSecond[unit] }, stamp: time };
}
