// What a model that listens is asked: how often an hour does it hear something where there is nothing, and how often does it miss what is said? Judged
// on recordings of a background class (or, of one score, of what it does not speak for), cut into utterances as the daemon cuts them.

import { toWav } from '../capture/pcm.ts';
import type { AudioInput, ModelCard } from '../config/card.ts';
import { proportion, topClasses } from '../learn/evaluate.ts';
import { countBounds } from '../learn/intervals.ts';
import { classScores } from '../model/classify.ts';
import type { Classifier } from '../model/open.ts';
import { openPart, type Part } from '../model/part.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import { preprocessAudio, readSound } from '../preprocess/audio.ts';
import { createVoiceActivity } from '../preprocess/voice-activity.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { ListeningReport } from '../types.ts';
import type { Evidence, JudgedRow } from './evidence.ts';

const backgroundNames =
  /^_*(background|background[ _-]?noise|others?|unknown|silence|noise|negatives?|none|nothing|no[ _-]?(speech|word|wake[ _-]?word|keyword)|not .+)_*$/i;

/** Which classes mean that nothing was said; [] where none does. */
export function backgroundClasses(classes: readonly string[], isOneScore: boolean): readonly number[] {
  if (isOneScore) return [0];
  const found = classes.flatMap((name, index) => (backgroundNames.test(name) ? [index] : []));
  return found.length === classes.length ? [] : found;
}

interface Heard {
  readonly classes: readonly string[];
  readonly background: readonly number[];
  readonly input: AudioInput;
  readonly rows: readonly JudgedRow[];
  /** That of a row, as it came; null where it is there no more. `at`: position in `rows`. */
  recording(at: number): Promise<Uint8Array | null>;
  /** The written file, which hears the recordings again, utterance by utterance; null where it has learned from them. */
  readonly written: { readonly part: Part; readonly output: string; readonly shape: readonly number[] } | null;
}

/** What judges, listened to; null for models that do not listen, or know no background. */
export async function listen(
  { rows, classes, by }: Evidence,
  recording: Heard['recording'],
  { input }: ModelCard,
  { classifier, model, runtime }: { readonly classifier: Classifier; readonly model: Model; readonly runtime: Runtime },
): Promise<ListeningReport | null> {
  const { tail } = classifier;
  const background = backgroundClasses(classes, tail.single !== undefined && classes.length === 2);
  if (input.kind !== 'audio' || background.length === 0) return null;
  const heard = { classes, background, input, rows, recording };
  // Where nothing was held back, the file has learned from every recording.
  if (by === 'left-out') return judgeListening({ ...heard, written: null });
  await using part = await openPart(runtime, model, { label: 'the new model' });
  return await judgeListening({ ...heard, written: { part, output: tail.output, shape: classifier.input.shape } });
}

async function judgeListening({ classes, background, input, rows, recording, written }: Heard): Promise<ListeningReport> {
  const isBackground = (label: number) => background.includes(label);
  let [count, seconds, negatives] = [0, 0, 0];
  for (const [at, { is, candidate }] of rows.entries()) {
    if (!isBackground(is) || candidate < 0) continue;
    const bytes = await recording(at);
    if (bytes === null) continue;
    const samples = await readSound(bytes, input.sampleRate);
    negatives += 1;
    seconds += samples.length / input.sampleRate;
    const detected = written === null ? 0 : await detections(samples, input, written, isBackground);
    // What the whole recording was taken for counts too, where the daemon would have cut it otherwise.
    count += Math.max(detected, isBackground(candidate) ? 0 : 1);
  }
  const asked = rows.filter(({ is }) => !isBackground(is));
  const missed = asked.filter(({ is, candidate }) => candidate !== is).length;
  const [low, high] = countBounds(count);
  const perHour = (value: number) => (3600 * value) / seconds;
  return {
    background: background.map((label) => classes[label]!),
    falseAccepts: negatives === 0 ? null : { count, seconds, perHour: perHour(count), low: perHour(low), high: perHour(high) },
    missed: asked.length === 0 ? null : { ...proportion(missed, asked.length), count: missed },
  };
}

/** Utterances that are taken for something. */
async function detections(
  samples: Float32Array,
  input: AudioInput,
  { part, output, shape }: NonNullable<Heard['written']>,
  isBackground: (label: number) => boolean,
): Promise<number> {
  const segmenter = createVoiceActivity({ sampleRate: input.sampleRate });
  const [name = ''] = part.session.inputNames;
  let detected = 0;
  for (const utterance of [...segmenter.push(samples), ...segmenter.flush()]) {
    const { data } = await preprocessAudio(toWav(utterance.samples, input.sampleRate), input);
    const result = await part.session.run({ [name]: { dtype: 'float32', dims: shape, data } }, [output]);
    const scores = classScores((result[output] as Tensor).data as Float32Array);
    if (!isBackground(topClasses(scores, scores.length)[0]!)) detected += 1;
  }
  return detected;
}
