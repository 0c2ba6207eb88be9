// What a release knew that its base model did not: the sums behind it, as tensors and a line of metadata that travel in a safetensors file beside
// others. Only sums travel, no capture and no features of one. Hostile until read: `weights-corrupt` for what does not fit together.
import { z } from 'zod';
import { WhetError } from '../errors.ts';
import type { SafeTensors } from '../onnx/codec/safetensors.ts';
import type { Tensor } from '../onnx/ir.ts';
import type { Knowledge } from './knowledge.ts';

export interface Lineage {
  readonly statistics: NonNullable<Knowledge['statistics']>;
  /** Names of the classes of the statistics, in order. */
  readonly classes: readonly string[];
  readonly lessons: number;
}

/** More than this is not sent: a deploy that carries its weights itself must still fit into one message. */
export const maxLineageBytes = 64 * 1024;

const prefix = 'whetstone.known.';
const key = 'known';
const aboutSchema = z.strictObject({
  weight: z.number().positive(),
  lessons: z.int().min(1).max(1_000_000),
  classes: z.array(z.string().min(1).max(200)).min(1).max(100_000),
});

export const isLineageTensor = (name: string) => name.startsWith(prefix);

/** The upper half of the sums: they are symmetric. */
export function encodeLineage({ statistics, classes, lessons }: Lineage): SafeTensors {
  const { width, gram, moment, weight, shift } = statistics;
  const side = width + 1;
  const half = new Float32Array((side * (side + 1)) / 2);
  for (let row = 0, at = 0; row < side; row += 1)
    for (let column = row; column < side; column += 1) half[at++] = gram[row * side + column]!;
  const tensor = (dims: readonly number[], data: Float32Array): Tensor => ({ dtype: 'float32', dims, data });
  return {
    tensors: new Map([
      [`${prefix}gram`, tensor([half.length], half)],
      [`${prefix}moment`, tensor([side, classes.length], moment)],
      ...(shift === undefined ? [] : [[`${prefix}shift`, tensor([width], shift)] as const]),
    ]),
    metadata: { [key]: JSON.stringify({ weight, lessons, classes }) },
  };
}

/** Without a shift, which has one number a feature. */
export function lineageBytes(width: number, classes: number): number {
  const side = width + 1;
  return 4 * ((side * (side + 1)) / 2 + side * classes);
}

/** null where a file carries none. */
export function readLineage({ tensors, metadata }: SafeTensors): Lineage | null {
  const text = metadata[key];
  if (text === undefined) return null;
  const about = aboutSchema.safeParse(parsed(text));
  const [half, moment] = [tensors.get(`${prefix}gram`)?.data, tensors.get(`${prefix}moment`)?.data];
  if (!about.success || !(half instanceof Float32Array) || !(moment instanceof Float32Array)) throw misfit('it is malformed');
  const { classes, weight, lessons } = about.data;
  const side = moment.length / classes.length;
  if (!Number.isInteger(side) || side < 2 || half.length !== (side * (side + 1)) / 2) throw misfit('its sizes do not fit together');
  if (new Set(classes).size !== classes.length) throw misfit('it names a class twice');
  const shift = tensors.get(`${prefix}shift`)?.data ?? new Float32Array();
  if (!(shift instanceof Float32Array) || (shift.length !== side - 1 && tensors.has(`${prefix}shift`)))
    throw misfit('its sizes do not fit together');
  if (![half, moment, shift].every((values) => values.every(Number.isFinite))) throw misfit('it is not finite');
  const gram = new Float32Array(side * side);
  for (let row = 0, at = 0; row < side; row += 1) {
    for (let column = row; column < side; column += 1, at += 1) {
      gram[row * side + column] = half[at]!;
      gram[column * side + row] = half[at]!;
    }
  }
  const statistics = { width: side - 1, classes: classes.length, gram, moment, weight };
  return { statistics: shift.length === 0 ? statistics : { ...statistics, shift }, classes, lessons };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function misfit(what: string): WhetError {
  return new WhetError('weights-corrupt', `what the weights say of earlier lessons cannot be used: ${what}`, {
    hint: 'Fetch the weights again.',
  });
}
