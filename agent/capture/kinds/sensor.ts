// The kind `sensor`: a program that prints readings, a JSON object a line; windows of them are captures.
import { z } from 'zod';
import type { InputSpec } from '../../config/card.ts';
import type { Finding } from '../../config/problem.ts';
import type { SensorInput } from '../../config/sensor-input.ts';
import { WhetError } from '../../errors.ts';
import type { WindowOptions } from '../reading-windows.ts';
import { createSensorCommandSource } from '../sensor-command.ts';
import { sourceBudget, sourceKind, sourceName } from '../source-kind.ts';
import { checkProgram, command, stallSeconds } from './command.ts';

const schema = z.strictObject({
  name: sourceName,
  kind: z.literal('sensor').describe('A program that prints readings of a sensor, a JSON object a line: every window of them is a sample.'),
  command: command.describe('Program and arguments, an entry each, no shell; keys are the channel names of the model card.'),
  everySeconds: z
    .number()
    .min(0.01)
    .max(86_400)
    .optional()
    .describe('From one window to the next; the length of the window unless told, so that they touch. Shorter: they overlap.'),
  time: z
    .enum(['own', 'arrival'])
    .default('own')
    .describe('own: each line carries its time, as the model card says; arrival: lines have none, and it is when they come.'),
  stallSeconds: stallSeconds.describe('The program is started again when no reading comes for this long.'),
  budget: sourceBudget,
});
type SensorSettings = z.output<typeof schema>;

const perSecond = { s: 1, ms: 1e3, us: 1e6 } as const;
/** Windows that follow one another are one chain, also where the clock of the sensor is not exact. */
const windowGap = 1.25;
const shortestBurstMs = 2000;

export const sensor = sourceKind({
  kind: 'sensor',
  schema,
  gives: ['sensor'],
  paths: [],
  burstMs({ everySeconds }, input) {
    const lengthS = input.kind === 'sensor' ? input.samples / input.sampleRate : 0;
    return Math.max(shortestBurstMs, windowGap * (everySeconds ?? lengthS) * 1000);
  },
  async check(settings, { input, searchPath }) {
    const fault = input === null ? null : faultOf(settings, input);
    return [...(fault === null ? [] : [fault]), ...(await checkProgram(settings.command[0]!, ['command', 0], searchPath))];
  },
  create(settings, { sensor: input }) {
    const { name, command: words, stallSeconds: seconds, budget } = settings;
    const fault = input === null ? noReadings : faultOf(settings, input);
    if (input === null || fault !== null)
      throw new WhetError('config-invalid', `source '${name}': ${fault?.message}`, { hint: fault?.remedy });
    return createSensorCommandSource({ name, command: words, window: windowOf(settings, input), stallMs: seconds * 1000, budget });
  },
});

const noReadings = {
  message: 'gives sensor readings, and the model takes none (its card says so)',
  remedy: 'Use another source, or another model.',
};

/** Why no window of readings can be cut for this model. */
function faultOf({ time }: SensorSettings, input: InputSpec): Finding | null {
  if (input.kind === 'vector') {
    const message = 'gives windows of readings, and the model takes plain vectors (its card says so)';
    return { path: ['kind'], value: 'sensor', message, remedy: 'Use a folder, or another model.' };
  }
  if (input.kind !== 'sensor' || input.time !== null || time !== 'own') return null;
  const message = 'readings of this model have no time of their own, and windows are cut by time';
  return { path: ['time'], value: time, message, remedy: 'Set `time: arrival`, or name the time in the model card.' };
}

function windowOf({ everySeconds, time }: SensorSettings, input: SensorInput): WindowOptions {
  const lengthS = input.samples / input.sampleRate;
  const { column, unit } = input.time ?? { column: 't', unit: 's' };
  return { lengthS, everyS: everySeconds ?? lengthS, time: { key: column, perSecond: perSecond[unit] }, stamp: time };
}
