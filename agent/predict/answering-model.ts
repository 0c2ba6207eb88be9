// A whole model file at work on captures: one input tensor in, what its card calls the output out. Takes any model with a card, also those that
// could not be cut; refuses (`card-invalid`) a card that names another number of outputs than the model gives.
import { type ModelCard, requireCard } from '../config/card.ts';
import { classNames } from '../config/labels.ts';
import { WhetError } from '../errors.ts';
import { classScores, toProbabilities } from '../model/classify.ts';
import { sampleShape } from '../model/input.ts';
import { loadModel } from '../model/load.ts';
import { openPart } from '../model/part.ts';
import type { Tensor } from '../onnx/ir.ts';
import { classifierEnds, withOutput } from '../onnx/surgery/classifier-ends.ts';
import { lastActivation } from '../onnx/surgery/last-activation.ts';
import { inputShape } from '../preprocess/capture-input.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { classes } from '../tasks/classes.ts';
import type { FileAnswer } from './report.ts';

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
export type ModelAnswer = DistributiveOmit<FileAnswer, 'file'>;

export interface AnsweringModel extends AsyncDisposable {
  readonly card: ModelCard;
  readonly sha256: string;
  /** `input` is one sample as the card makes it. */
  answer(input: Float32Array): Promise<ModelAnswer>;
}

export interface AnsweringOptions {
  /** The model whose card counts, and the file that is run: the model itself, or a release of it. */
  readonly model: string;
  readonly artifact?: string | undefined;
  readonly card?: string | undefined;
  /** Class names of a release; those of the card unless told. */
  readonly classes?: readonly string[] | undefined;
  readonly output?: string | undefined;
  readonly runtime: Runtime;
  readonly note?: ((sentence: string) => void) | undefined;
}

export async function openAnsweringModel(options: AnsweringOptions): Promise<AnsweringModel> {
  const { sha256, model: whole } = loadModel(options.artifact ?? options.model);
  const model = withOutput(whole, options.output);
  const { input, output } = classifierEnds(model);
  const { card } = await requireCard(options.model, {
    ...(options.card === undefined ? {} : { card: options.card }),
    shape: { input: input.shape ?? [], classes: lastSize(output.shape) },
    note: options.note,
  });
  const dims = sampleShape(input, inputShape(card.input));
  const activation = lastActivation(model);
  const part = await openPart(options.runtime, model, { label: 'the model' });
  return {
    card,
    sha256,
    async answer(data) {
      const result = await part.session.run({ [input.name]: { dtype: 'float32', dims, data } }, [output.name]);
      const values = (result[output.name] as Tensor).data as Float32Array;
      if (!values.every(Number.isFinite))
        throw new WhetError('model-unsupported', 'the model gives numbers that are not finite', {
          hint: 'Compare mean, std and range in the model card with those the model was trained with.',
        });
      if (card.task !== 'classification') return otherAnswer(card, values);
      const scores = classScores(values);
      const probabilities = toProbabilities(scores, scores.length === values.length ? activation : 'sigmoid');
      return { answers: classes.answer(probabilities, { classes: namesOf(scores.length) }).scores };
    },
    [Symbol.asyncDispose]: () => part[Symbol.asyncDispose](),
  };

  function namesOf(count: number): readonly string[] {
    return options.classes ?? classNames(card.labels, count);
  }
}

function otherAnswer(card: ModelCard, values: Float32Array): ModelAnswer {
  const [distance = 0] = values;
  const threshold = card.threshold ?? null;
  if (card.task === 'anomaly') return { distance, threshold, anomalous: threshold === null ? null : distance > threshold };
  const { targets } = card;
  if (targets.length > 0 && targets.length !== values.length)
    throw new WhetError('card-invalid', `the model gives ${values.length} quantities, but its card names ${targets.length}`, {
      hint: 'Write every quantity into "targets" of the model card, in the order of the outputs, or leave "targets" empty.',
    });
  const named = (at: number) => targets[at] ?? { name: `quantity ${at}`, unit: '' };
  return { quantities: Array.from(values, (value, at) => ({ name: named(at).name, value, unit: named(at).unit })) };
}

function lastSize(shape: readonly (number | string | null)[] | null): number {
  const size = shape?.at(-1);
  return typeof size === 'number' && size > 1 ? size : 2;
}
