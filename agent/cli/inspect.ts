// `whet inspect`: what the card says → options, a report → text.
import { findCard, loadCard } from '../config/card.ts';
import type { InspectOptions, InspectReport } from '../model/inspect.ts';
import { table } from './text.ts';

export function formatInspect(report: InspectReport): string {
  const { model, cut, tail, proof } = report;
  const layers = `${tail.layers.length} ${tail.layers.length === 1 ? 'layer' : 'layers'}`;
  const shape = (info: InspectReport['model']['inputs'][number]) =>
    `${info.name} [${(info.shape ?? ['?']).map((dim) => dim ?? '?').join(', ')}]`;
  return [
    `${model.file}: opset ${model.opset}, quantization ${model.quantization}, ${answers[report.answers](model.classes ?? 0)}`,
    `input     ${model.inputs.map(shape).join(', ')}`,
    `output    ${model.outputs.map(shape).join(', ')}`,
    `cut       ${cut.tensor} [${cut.shape.join(', ')}], ${cut.features} features${cut.note === null ? '' : ` (${cut.note})`}`,
    `tail      ${layers}, ${tail.parameters} parameters`,
    table([['', 'op', 'node', 'weights'], ...tail.layers.map((layer) => ['', layer.op, layer.node, layer.weights.join(', ')])]),
    `training  ${training(report.training)}`,
    `proof     ${proof.samples} inputs: split exact (difference ${proof.splitMaxAbsDiff}); float tail agrees on ${agreement(proof)}, differs by at most ${proof.floatMaxAbsDiff.toPrecision(3)}`,
  ].join('\n');
}

const answers: Readonly<Record<InspectReport['answers'], (classes: number) => string>> = {
  classes: (classes) => `${classes} classes`,
  'one-score': () => 'one score of yes and no (two classes)',
  scores: (classes) => `${classes} scores of yes and no`,
  quantities: () => 'quantities, no classes',
};

function training(needs: InspectReport['training']): string {
  if (needs.kind === 'untrainable') return `not by gradients: ${needs.why}`;
  const parts = [
    ['weights', needs.weightsBytes],
    ['optimizer', needs.optimizerBytes],
    ['gradients', needs.gradientsBytes],
    ['activations', needs.activationsBytes],
    ['features', needs.featuresBytes],
    ['targets', needs.targetsBytes],
  ] as const;
  const listed = parts.map(([name, bytes]) => `${name} ${megabytes(bytes)}`).join(', ');
  return `by gradients ${megabytes(needs.totalBytes)} MB beside the runtime's own, for ${needs.samples} samples in batches of ${needs.batch}: ${listed}`;
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

/** Where 8-bit outputs tie, both numbers are said: with every class that ties, and with the first one alone. */
function agreement({ floatTop1Agreement, floatTop1Strict }: InspectReport['proof']): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  if (floatTop1Strict === floatTop1Agreement) return percent(floatTop1Agreement);
  return `${percent(floatTop1Agreement)} (${percent(floatTop1Strict)} without ties of the 8-bit output)`;
}

/** What a model's card says that inspection needs; nothing where there is none. */
export async function knownOf(
  model: string,
  card: string | undefined,
  note: (sentence: string) => void,
): Promise<Pick<InspectOptions, 'inputShape' | 'inputRange' | 'task' | 'labels'>> {
  const path = card ?? (await findCard(model));
  if (path === null) return {};
  const { input, task, labels } = await loadCard(path, note);
  const { inputRange, inputShape } = await import('../preprocess/capture-input.ts');
  return { inputShape: inputShape(input), inputRange: inputRange(input), task, labels };
}
