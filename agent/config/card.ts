// The model card: the JSON file beside a model that says how its input is made and what its outputs mean. Takes a path, gives a validated
// card; refuses a model without one (`card-missing`, with an example to edit) and a card that is wrong (`card-invalid`, all problems at once).
import { access, open } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { z } from 'zod';
import { messageOf, WhetError } from '../errors.ts';
import type { CaptureKind } from '../types.ts';
import { labelSchema } from './class-name.ts';
import { wholeNumber } from './json-schema.ts';
import { distinctLabels } from './labels.ts';
import { locateIn } from './positions.ts';
import { formatProblems } from './problem.ts';
import { type SensorInput, sensorInputSchema } from './sensor-input.ts';
import { validate } from './validate.ts';
import { type VectorInput, vectorInputSchema } from './vector-input.ts';

const channelCount = { rgb: 3, bgr: 3, gray: 1 } as const;
const perChannel = (number: z.ZodNumber, what: string) => z.array(number).max(3).default([]).describe(what);
const everyTime = { when: () => true };

export const imageInputSchema = z
  .strictObject({
    kind: z.literal('image'),
    width: wholeNumber(1, 4096).describe('Width of the input in pixels, 1 to 4096.'),
    height: wholeNumber(1, 4096).describe('Height of the input in pixels, 1 to 4096.'),
    channels: z.enum(['rgb', 'bgr', 'gray']).default('rgb').describe('Colour order of the tensor. Gray is 0.299 R + 0.587 G + 0.114 B.'),
    layout: z.enum(['nchw', 'nhwc']).describe('nchw (PyTorch) or nhwc (TensorFlow): see the shape of the model input.'),
    range: z
      .tuple([z.number(), z.number()])
      .refine(([low, high]) => low < high, 'must go from a smaller to a larger number')
      .default([0, 1])
      .describe('What black and white become before mean and std: [0, 1], [-1, 1] or [0, 255].'),
    mean: perChannel(z.number(), 'Subtracted after scaling to range; one number, or one a channel in the order of channels; [] is 0.'),
    std: perChannel(z.number().gt(0), 'Divisor after the mean; positive; one number, or one a channel in the order of channels; [] is 1.'),
    resize: z
      .enum(['cover', 'contain', 'fill'])
      .default('cover')
      .describe('cover: scale and cut off what stands over; contain: scale and pad with background; fill: stretch.'),
    crop: z
      .number()
      .gt(0)
      .max(1)
      .default(1)
      .describe('Middle part that is kept after resizing, as a fraction of each edge: 0.875 is "resize to 256, crop 224".'),
    interpolation: z
      .enum(['nearest', 'linear', 'cubic', 'lanczos3'])
      .default('linear')
      .describe('How pixels are resampled; linear averages when it makes smaller.'),
    background: z
      .tuple([wholeNumber(0, 255), wholeNumber(0, 255), wholeNumber(0, 255)])
      .default([0, 0, 0])
      .describe('Red, green, blue (0 to 255) behind transparent pixels and in the padding of contain.'),
  })
  // Also where other fields are wrong: all problems are told at once. Fields that failed themselves are absent here.
  .superRefine((input: Partial<{ channels: keyof typeof channelCount; mean: number[]; std: number[] }>, context) => {
    const wanted = channelCount[input.channels ?? 'rgb'] ?? 3;
    for (const key of ['mean', 'std'] as const) {
      const given = input[key];
      if (!Array.isArray(given) || [0, 1, wanted].includes(given.length)) continue;
      context.addIssue({ code: 'custom', path: [key], message: `must have no, one or ${wanted} numbers`, input: given });
    }
  }, everyTime);

const audioInputSchema = z.strictObject({
  kind: z.literal('audio'),
  sampleRate: wholeNumber(1000, 192_000).describe('Samples a second that the model was made for; recordings are resampled to it.'),
  samples: wholeNumber(16, 10_000_000).describe(
    'Length of the input: the loudest so many samples of a recording; shorter ones lie in the middle of silence, as much before as behind.',
  ),
  level: z.enum(['none', 'peak']).default('none').describe('peak: the loudest sample becomes 1 (or −1); none: as recorded.'),
});

const inputSchema = z
  .discriminatedUnion('kind', [imageInputSchema, audioInputSchema, sensorInputSchema, vectorInputSchema])
  .describe('How a capture becomes the input tensor.');

export const cardSchema = z.strictObject({
  $schema: z.string().optional().describe('Where the JSON Schema of this file is, for editors.'),
  name: z.string().min(1).max(200).describe('Name of the model, for reports.'),
  description: z.string().max(10_000).optional().describe('What the model does.'),
  licence: z.string().max(200).optional().describe('Licence of the weights.'),
  source: z.string().max(2_000).optional().describe('Where the model came from.'),
  input: inputSchema,
  task: z
    .enum(['classification', 'regression', 'anomaly'])
    .default('classification')
    .describe('What the output is: one score a class, one quantity a target, or how far a capture is from what is normal.'),
  targets: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(200).describe('Name of the quantity.'),
        unit: z.string().max(40).default('').describe('Its unit, for people.'),
      }),
    )
    .max(256)
    .default([])
    .describe('For regression: what each output is, in order.'),
  threshold: z.number().optional().describe('For anomaly: scores above it are anomalous.'),
  labels: z
    .array(labelSchema)
    .max(100_000)
    .default([])
    .describe(
      'Class names in the order of the outputs, [] where they are not known. Names that several classes have get the number of the class.',
    ),
});

export type ModelCard = z.output<typeof cardSchema>;
export type ImageInput = z.output<typeof imageInputSchema>;
export type AudioInput = z.output<typeof audioInputSchema>;
export type InputSpec = ImageInput | AudioInput | SensorInput | VectorInput;

/** What a source has to deliver for a model with this input. */
export function captureKind(input: InputSpec): CaptureKind {
  return input.kind === 'vector' ? 'sensor' : input.kind;
}

const maxCardBytes = 8 * 1024 * 1024;

/** The card beside a model: `<stem>.json`, else `model.json`; null where there is neither. */
export async function findCard(modelPath: string): Promise<string | null> {
  for (const candidate of candidates(modelPath)) {
    if (
      await access(candidate).then(
        () => true,
        () => false,
      )
    )
      return candidate;
  }
  return null;
}

/** Reads a card. Throws `card-missing` where the file cannot be read, `card-invalid` with every problem where it is wrong. */
export async function loadCard(path: string, note?: (sentence: string) => void): Promise<ModelCard> {
  const text = await readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new WhetError('card-invalid', `${path} is not JSON: ${messageOf(error)}`, {
      hint: 'JSON has double quotes, no comments and no comma after the last entry.',
      cause: error,
    });
  }
  const result = validate(cardSchema, value, path, locateIn(text));
  if (result.kind === 'valid') {
    const { labels, shared } = distinctLabels(result.value.labels);
    if (shared.length > 0)
      note?.(`${path} names several classes '${shared.join("', '")}': they are told apart by the number of the class.`);
    return { ...result.value, labels: [...labels] };
  }
  const count = result.problems.length;
  throw new WhetError('card-invalid', `${path} has ${count} problem${count === 1 ? '' : 's'}`, { hint: formatProblems(result.problems) });
}

/** What is known of a model that has no card, to make the example fit. */
export interface ModelShape {
  /** Shape of the model's input; numbers where fixed. */
  readonly input?: readonly (number | string | null)[];
  /** Number of outputs. */
  readonly classes?: number;
}

/** The card of a model: the one named, else the one beside it. Throws `card-missing` with an example to edit. */
export async function requireCard(
  modelPath: string,
  options: { readonly card?: string; readonly shape?: ModelShape; readonly note?: ((sentence: string) => void) | undefined } = {},
): Promise<{ readonly path: string; readonly card: ModelCard }> {
  const path = options.card ?? (await findCard(modelPath));
  if (path !== null) return { path, card: await loadCard(path, options.note) };
  const [own] = candidates(modelPath);
  throw new WhetError(
    'card-missing',
    `${modelPath} has no model card: neither ${candidates(modelPath)
      .map((name) => basename(name))
      .join(' nor ')} stands beside it`,
    {
      hint: [
        'How does a picture become the input of this model? The file does not say, and a wrong guess costs accuracy without a word.',
        `Save this as ${own} and correct it (the training code or the download page has the numbers; labels: every class, in order):`,
        exampleCard(modelPath, options.shape),
      ].join('\n'),
    },
  );
}

/** A card to edit: what the shape tells, and the usual ImageNet numbers for the rest. */
export function exampleCard(modelPath: string, shape: ModelShape = {}): string {
  const [, a, b, c] = shape.input ?? [];
  const last = shape.input?.length === 4 && (c === 3 || c === 1) && a !== 3 && a !== 1;
  const [channels, height, width] = last ? [c, a, b] : [a, b, c];
  const size = (dim: unknown) => (typeof dim === 'number' && dim > 0 ? dim : 224);
  const gray = channels === 1;
  // Half a list of names would stand at the wrong outputs; without names classes have numbers.
  const labels = (shape.classes ?? 2) > 20 ? [] : Array.from({ length: shape.classes ?? 2 }, (_, index) => `class ${index}`);
  const name = basename(modelPath, extname(modelPath));
  if (shape.input?.length === 2)
    return pretty({ name, input: { kind: 'vector', values: typeof a === 'number' ? a : 100, mean: [0], std: [1] }, labels });
  if (shape.input?.length === 3) return pretty({ name, input: exampleWindow(shape.input), labels });
  const text = {
    name,
    input: {
      kind: 'image',
      width: size(width),
      height: size(height),
      channels: gray ? 'gray' : 'rgb',
      layout: last ? 'nhwc' : 'nchw',
      range: [0, 1],
      mean: gray ? [0.5] : [0.485, 0.456, 0.406],
      std: gray ? [0.5] : [0.229, 0.224, 0.225],
      resize: 'cover',
    },
    labels,
  };
  return pretty(text);
}

/** For a model that hears, which looks like one of vectors: the length that its input has, and the usual rate of speech. */
export function audioCard(modelPath: string, shape: ModelShape): string {
  const length = shape.input?.at(-1);
  const samples = typeof length === 'number' && length >= 16 ? length : 16_000;
  const card = JSON.parse(exampleCard(modelPath, shape)) as { readonly name: string; readonly labels: readonly string[] };
  return pretty({ name: card.name, input: { kind: 'audio', sampleRate: 16_000, samples }, labels: card.labels });
}

/** [n, channels, samples] is a window of a sensor. */
function exampleWindow([, channels, samples]: NonNullable<ModelShape['input']>): unknown {
  const count = typeof channels === 'number' && channels > 0 && channels <= 256 ? channels : 6;
  const names = count === 6 ? ['ax', 'ay', 'az', 'gx', 'gy', 'gz'] : Array.from({ length: count }, (_, index) => `channel${index}`);
  return {
    kind: 'sensor',
    channels: names.map((name) => ({ name })),
    sampleRate: 50,
    samples: typeof samples === 'number' && samples > 1 ? samples : 100,
    time: { column: 't', unit: 's' },
    mean: [0],
    std: [1],
  };
}

/** Lists of plain values stay on one line. */
function pretty(text: unknown): string {
  return JSON.stringify(text, null, 2).replaceAll(/\[\s+([^[\]{}]*?)\s+\]/g, (_, list: string) => `[${list.replaceAll(/\s*\n\s*/g, ' ')}]`);
}

function candidates(modelPath: string): readonly string[] {
  const own = join(dirname(modelPath), `${basename(modelPath, extname(modelPath))}.json`);
  const shared = join(dirname(modelPath), 'model.json');
  return own === shared ? [own] : [own, shared];
}

async function readText(path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    if (size > maxCardBytes) {
      throw new WhetError('card-invalid', `${path} has ${size} bytes; a model card has at most ${maxCardBytes}`, {
        hint: 'Is this the right file? A card is a short JSON file.',
      });
    }
    return await file.readFile('utf8');
  } catch (error) {
    if (error instanceof WhetError) throw error;
    throw new WhetError('card-missing', `the model card ${path} cannot be read: ${messageOf(error)}`, {
      hint: 'Check the path and the permissions of the file.',
      cause: error,
    });
  }
}
