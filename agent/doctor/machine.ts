// The machine under a device: Node.js, the runtime, memory, heat and power, the clock. What the system does not tell is skipped.
import { execFile } from 'node:child_process';
import { readHealth } from '../host/health.ts';
import type { MachineFiles } from '../host/machine-files.ts';
import { availableProviders, runtimeVersion } from '../runtime/session.ts';
import { type CheckResult, failed, ok, skipped, warning } from './check-result.ts';

const leastNode = 24;
/** The daemon takes up to 120 MB, a training run in a process of its own up to 280 MB more. */
const comfortableMb = 400;
const leastMb = 150;

export function checkNode(version: string = process.versions.node): CheckResult {
  const major = Number(version.split('.')[0]);
  if (major >= leastNode) return ok('node', `Node.js ${version}`);
  return failed('node', `Node.js ${version}`, `Node.js ${leastNode} or newer is needed; scripts/whet brings its own.`);
}

export function checkRuntime(): CheckResult {
  // A build carries providers for hardware that is not here; what is used is the processor.
  return ok('runtime', `ONNX Runtime ${runtimeVersion} on the processor (this build carries ${availableProviders().join(', ')})`);
}

export function checkTelemetry(env: NodeJS.ProcessEnv = process.env): CheckResult {
  if (env.ORT_DISABLE_TELEMETRY === '1') return ok('telemetry', 'the reporting of ONNX Runtime to its maker is off');
  return failed(
    'telemetry',
    'the reporting of ONNX Runtime to its maker is on',
    'Set ORT_DISABLE_TELEMETRY=1, and report this: whet sets it itself.',
  );
}

export async function checkMemory(files: MachineFiles): Promise<CheckResult> {
  const { memory } = await readHealth({ files, stateDir: '/', vcgencmd: null });
  if (memory.freeMb === null || memory.totalMb === null) return skipped('memory', 'the system does not tell');
  const found = `${memory.freeMb} MB of ${memory.totalMb} MB are free for it`;
  const remedy = 'End other programs, or train fewer layers: `whet inspect MODEL --layers N` says what each depth takes.';
  if (memory.freeMb < leastMb) return failed('memory', found, remedy);
  return memory.freeMb < comfortableMb ? warning('memory', found, remedy) : ok('memory', found);
}

export async function checkBoard(files: MachineFiles): Promise<CheckResult> {
  const { thermal, throttling } = await readHealth({ files, stateDir: '/' });
  const said = [...(thermal === null ? [] : [`${thermal.temperatureC.toFixed(0)} °C`]), ...(throttling?.now ?? [])];
  if (throttling !== null && throttling.now.length > 0)
    return warning(
      'heat and power',
      said.join(', '),
      'Use the power supply that the board asks for, and let air reach it: it slows itself down now.',
    );
  return said.length === 0 ? skipped('heat and power', 'the system does not tell') : ok('heat and power', said.join(', '));
}

/** No release of this program is older; a clock before it has not been set. */
const builtYear = 2025;

export async function checkClock(files: MachineFiles, now: Date = new Date()): Promise<CheckResult> {
  const said = now.toISOString().slice(0, 19);
  const remedy = 'Questions and reports would bear a wrong time. Start a time service: sudo timedatectl set-ntp true';
  if (now.getFullYear() < builtYear) return failed('clock', `it says ${said}`, remedy);
  const isSynchronised = (await files.names('run/systemd/timesync')).includes('synchronized') || (await timedatectl());
  if (isSynchronised === null) return skipped('clock', `it says ${said}; whether it is set by the network cannot be told here`);
  return isSynchronised
    ? ok('clock', `it says ${said}, set by the network`)
    : warning('clock', `it says ${said}, and is not set by the network`, remedy);
}

/** null where systemd does not run here. */
function timedatectl(): Promise<boolean | null> {
  return new Promise((resolve) => {
    execFile('timedatectl', ['show', '-p', 'NTPSynchronized', '--value'], { timeout: 3000 }, (error, stdout) =>
      resolve(error === null ? stdout.trim() === 'yes' : null),
    );
  });
}
