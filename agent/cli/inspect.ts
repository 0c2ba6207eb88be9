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
    `proof     ${proof.samples} inputs: split exact (difference ${proof.splitMaxAbsDiff}); float tail agrees on ${(100 * proof.floatTop1Agreement).toFixed(1)} %, differs by at most ${proof.floatMaxAbsDiff.toPrecision(3)}`,
  ].join('\n');
}
