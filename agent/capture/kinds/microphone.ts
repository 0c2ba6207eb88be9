// The kind `microphone`: arecord, or another program that prints raw sound; each utterance is a capture.
import { z } from 'zod';
import { wholeNumber } from '../../config/json-schema.ts';
import { createMicrophoneSource } from '../microphone.ts';
import { sourceBudget, sourceKind, sourceName } from '../source-kind.ts';
import { checkProgram, command, stallSeconds } from './command.ts';

const schema = z.strictObject({
  name: sourceName,
  kind: z.literal('microphone').describe('A microphone: every utterance is a sample.'),
  device: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_:=,.-]{0,199}$/, 'is not the name of an ALSA device')
    .default('default')
    .describe('ALSA device, as `arecord -L` lists it: plughw:CARD=Device converts rates, hw:CARD=Device gives what it has.'),
  command: command
    .optional()
    .describe(
      'A program to listen to instead of arecord, an entry each, no shell; it prints raw signed 16-bit little-endian mono sound at sampleRate.',
    ),
  sampleRate: wholeNumber(4000, 192_000).default(16_000).describe('Samples a second that are recorded; the model gets its own rate.'),
  stallSeconds: stallSeconds.describe('The program is started again when no sound, not even silence, comes for this long.'),
  budget: sourceBudget,
});

export const microphone = sourceKind({
  kind: 'microphone',
  schema,
  gives: ['audio'],
  paths: [],
  // An utterance ends with a pause.
  burstMs: () => null,
  check(settings, { searchPath }) {
    const path = settings.command === undefined ? ['kind'] : ['command', 0];
    return checkProgram(commandOf(settings)[0]!, path, searchPath);
  },
  create(settings, { createSegmenter }) {
    const { name, sampleRate, stallSeconds: seconds, budget } = settings;
    return createMicrophoneSource({ name, command: commandOf(settings), sampleRate, stallMs: seconds * 1000, budget, createSegmenter });
  },
});

/** Program and arguments that it is heard through. */
function commandOf({ command: own, device, sampleRate }: z.output<typeof schema>): readonly string[] {
  return own ?? ['arecord', '-q', '-D', device, '-t', 'raw', '-f', 'S16_LE', '-r', String(sampleRate), '-c', '1'];
}
