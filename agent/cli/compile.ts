// `whet compile`: the report → text that says how to go on.
import type { CompileReport } from '../compile.ts';
import { bytes, table } from './text.ts';

export function formatCompile(report: CompileReport): string {
  const { contract, cut, parts } = report;
  const files = [report.step, report.weights, report.description, ...(parts === null ? [] : [parts.backbone, parts.forward])];
  const whats = ['the training step', 'first values of what is carried', 'the contract', 'input → features', 'features, weights → logits'];
  const carried = contract.inputs.filter(({ role }) => role !== 'data').length;
  return [
    `cut       ${cut.tensor}${cut.note === null ? '' : ` (${cut.note})`}; ${report.parameters} numbers are trained, with ${contract.optimizer.kind}`,
    table([
      ['input', 'type', 'shape', ''],
      ...contract.inputs
        .filter(({ role }) => role === 'data')
        .map(({ name, type, shape, what }) => [name, type, `[${shape.join(', ')}]`, what]),
      ['in/…', 'float32', '', `${carried} inputs: first what the safetensors file holds, then 'out/…' of the call before`],
    ]),
    table(files.map(({ file, bytes: size }, at) => [at === 0 ? 'wrote' : '', file, bytes(size), whats[at] ?? ''])),
    'A loop in Python, C++ or JavaScript is ten lines: agent/autodiff/README.md has it.',
  ].join('\n');
}
