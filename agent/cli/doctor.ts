// `whet doctor`: the verb, and its findings → text.
import type { CheckResult } from '../doctor/check-result.ts';
import type { DoctorReport } from '../doctor.ts';
import type { DeviceOptions, DeviceVerb } from './on-device.ts';
import { createOutput } from './output.ts';

export function addDoctor(verb: DeviceVerb, signal: AbortSignal): void {
  verb('doctor', 'what works here, and what to do about the rest')
    .addHelpText(
      'after',
      '\nLooks at Node.js, the runtime, memory, clock and power, at the configuration and the programs that its sources need, proves the model, and sends a message to the broker and back. Without a configuration it looks at the machine alone.\n\nExit status: 0 unless something failed, then 69; warnings are no failures.',
    )
    .action(async (options: DeviceOptions) => {
      const { examine } = await import('../doctor.ts');
      const report = await examine(options.config, signal);
      createOutput(options.json === true).result(report, () => formatDoctor(report));
      if (report.checks.some(({ state }) => state === 'failed')) process.exitCode = 69;
    });
}

const marks: Readonly<Record<CheckResult['state'], string>> = { ok: '✓', warning: '!', failed: '✗', skipped: '·' };

function formatDoctor({ checks }: DoctorReport): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, state, found, remedy }) => [
    `${marks[state]} ${name.padEnd(width)}  ${state === 'ok' || state === 'skipped' ? '' : `${state}: `}${found}`,
    ...(remedy === null ? [] : remedy.split('\n').map((line) => `${' '.repeat(width + 4)}${line}`)),
  ]);
  const [failures, warnings] = (['failed', 'warning'] as const).map((state) => checks.filter((check) => check.state === state).length);
  const counted = [...(failures === 0 ? [] : [`${failures} failed`]), ...(warnings === 0 ? [] : [`${warnings} to look at`])];
  return [...lines, '', counted.length === 0 ? 'All is well.' : counted.join(', ')].join('\n');
}
