// `whet inspect`: a report → text.
import type { InspectReport } from '../model/inspect.ts';
import { table } from './text.ts';

export function formatInspect(report: InspectReport): string {
  const { model, cut, tail, proof } = report;
  const shape = (info: InspectReport['model']['inputs'][number]) =>
    `${info.name} [${(info.shape ?? ['?']).map((dim) => dim ?? '?').join(', ')}]`;
  return [
    `${model.file}: opset ${model.opset}, quantization ${model.quantization}, ${model.classes ?? '?'} classes`,
    `input     ${model.inputs.map(shape).join(', ')}`,
    `output    ${model.outputs.map(shape).join(', ')}`,
    `cut       ${cut.tensor} [${cut.shape.join(', ')}], ${cut.features} features${cut.note === null ? '' : ` (${cut.note})`}`,
    `tail      ${tail.layers.length} layers, ${tail.parameters} parameters`,
    table([['', 'op', 'node', 'weights'], ...tail.layers.map((layer) => ['', layer.op, layer.node, layer.weights.join(', ')])]),
    `training  ${training(report.training)}`,
    `proof     ${proof.samples} inputs: split exact (difference ${proof.splitMaxAbsDiff}); float tail agrees on ${agreement(proof)}, differs by at most ${proof.floatMaxAbsDiff.toPrecision(3)}`,
  ].join('\n');
}

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
