// What works here and what to do about the rest: the machine, then the device that a configuration describes. Every check gives its own answer, also
// where another one fails.
import { findConfig, type LoadedConfig, loadConfig } from './config/load.ts';
import { checkBroker } from './doctor/broker.ts';
import { type CheckResult, failed, skipped } from './doctor/check-result.ts';
import { checkModel, checkSettings, checkState } from './doctor/device.ts';
import { checkBoard, checkClock, checkMemory, checkNode, checkRuntime, checkTelemetry } from './doctor/machine.ts';
import { messageOf, WhetError } from './errors.ts';
import { createMachineFiles } from './host/machine-files.ts';

export interface DoctorReport {
  readonly checks: readonly CheckResult[];
}

export async function examine(named: string | undefined, signal: AbortSignal): Promise<DoctorReport> {
  const files = createMachineFiles();
  const machine = [
    checkNode(),
    checkRuntime(),
    checkTelemetry(),
    await checkMemory(files),
    await checkBoard(files),
    await checkClock(files),
  ];
  return { checks: [...machine, ...(await checkDevice(named, signal))] };
}

async function checkDevice(named: string | undefined, signal: AbortSignal): Promise<readonly CheckResult[]> {
  let loaded: LoadedConfig;
  try {
    loaded = await loadConfig(await findConfig(named));
  } catch (error) {
    const remedy = (error instanceof WhetError ? error.hint : undefined) ?? 'Mend the configuration.';
    const isNone = named === undefined && messageOf(error).startsWith('there is no configuration');
    if (isNone) return [skipped('configuration', 'there is none here', 'whet init makes one.')];
    return [failed('configuration', messageOf(error), remedy)];
  }
  const { config } = loaded;
  return [...(await checkSettings(loaded)), await checkModel(config), await checkState(config), await checkBroker(config, signal)];
}
