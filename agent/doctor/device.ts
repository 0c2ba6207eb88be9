// The device that a configuration describes: the configuration itself, what its sources need, the model with its proof, the state folder and the
// daemon. Opens the model in this process; disturbs no daemon.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { requireCard } from '../config/card.ts';
import { checkConfig } from '../config/check.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Problem } from '../config/problem.ts';
import type { Config } from '../config/resolve.ts';
import { messageOf, WhetError } from '../errors.ts';
import { inspect } from '../model/inspect.ts';
import { inputRange, inputShape } from '../preprocess/capture-input.ts';
import { createRuntime } from '../runtime/runtime.ts';
import { type CheckResult, failed, ok, warning } from './check-result.ts';

/** The configuration, and each of its sources. */
export async function checkSettings({ config, warnings, locate }: LoadedConfig): Promise<readonly CheckResult[]> {
  const problems = [...warnings.map((problem) => ({ ...problem, severity: 'degraded' as const })), ...(await checkConfig(config, locate))];
  const ofSource = (index: number) => problems.filter(({ path }) => path.startsWith(`sources[${index}]`));
  const others = problems.filter(({ path }) => !path.startsWith('sources['));
  return [
    told('configuration', others, `${config.file} is valid`),
    ...config.sources.map(({ name, kind }, index) => told(`source ${name}`, ofSource(index), kind)),
  ];
}

function told(name: string, problems: readonly Problem[], fine: string): CheckResult {
  if (problems.length === 0) return ok(name, fine);
  const found = problems.map(({ path, message, value }) => `${path}: ${message}${value === null ? '' : ` (${value})`}`).join('; ');
  const remedy = problems.map(({ remedy }) => remedy).join(' ');
  return problems.every(({ severity }) => severity === 'degraded') ? warning(name, found, remedy) : failed(name, found, remedy);
}

export async function checkModel({ model, card, cut, threads }: Config): Promise<CheckResult> {
  try {
    const { card: read } = await requireCard(model, card === null ? {} : { card });
    const { input, labels, task } = read;
    const { proof, model: facts } = await inspect(model, {
      cut,
      samples: 4,
      runtime: createRuntime({ threads }),
      inputShape: inputShape(input),
      inputRange: inputRange(input),
      labels,
      task,
    });
    return ok(
      'model',
      `${read.name}, ${facts.quantization}, ${facts.classes ?? 'no'} classes; the cut is exact on ${proof.samples} inputs`,
    );
  } catch (error) {
    return failed('model', messageOf(error), (error instanceof WhetError ? error.hint : undefined) ?? 'Fetch or export the model again.');
  }
}

const comfortableMb = 500;
const leastMb = 50;

export async function checkState({ state, retention }: Config): Promise<CheckResult> {
  const folder = nearestExisting(state);
  const probe = join(folder, `.whet-doctor-${randomBytes(6).toString('hex')}`);
  try {
    await writeFile(probe, 'x', { mode: 0o600 });
  } catch (error) {
    return failed(
      'state folder',
      `${folder} cannot be written: ${messageOf(error)}`,
      'Let it belong to the user that runs whet, or name another with "state".',
    );
  } finally {
    await rm(probe, { force: true });
  }
  const { bsize, bavail } = await statfs(folder);
  const freeMb = Math.floor((bsize * bavail) / 2 ** 20);
  const found = `${state}${folder === state ? '' : ' (not made yet)'}, ${freeMb} MB free`;
  const remedy = `Free space, or lower retention.databaseMegabytes (${retention.databaseMegabytes} now).`;
  if (freeMb < leastMb) return failed('state folder', found, remedy);
  return freeMb < comfortableMb ? warning('state folder', found, remedy) : ok('state folder', found);
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));
}
