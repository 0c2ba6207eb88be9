// `whet check`: the configuration and everything it names, all problems at once. Takes a path (or none), gives a report.
import { checkConfig } from '../config/check.ts';
import { ConfigError, findConfig, loadConfig } from '../config/load.ts';
import { formatProblems, type Problem } from '../config/problem.ts';
import type { Config } from '../config/resolve.ts';
import type { Locate } from '../config/validate.ts';
import { WhetError } from '../errors.ts';

export interface CheckReport {
  readonly file: string;
  /** `whet run` starts, and everything works. */
  readonly ok: boolean;
  /** Those with the severity 'degraded' do not keep it from starting: what they name is tried again until it works. */
  readonly problems: readonly Problem[];
  /** Allowed, but unwise. */
  readonly warnings: readonly Problem[];
}

export async function check(named: string | undefined): Promise<CheckReport> {
  const file = await findConfig(named);
  try {
    const { config, warnings, locate } = await loadConfig(file);
    const problems = await checkConfig(config, locate);
    const isThere = problems.every(({ path }) => path !== 'model' && path !== 'card');
    const doubts = isThere ? await cardDoubts(config, locate) : [];
    return { file, ok: problems.length === 0, problems, warnings: [...warnings, ...doubts] };
  } catch (error) {
    if (error instanceof ConfigError) return { file, ok: false, problems: error.problems, warnings: [] };
    throw error;
  }
}

/** 0 all is well, 69 the device would run but not everything works, 75 and 78 as `whet run` would end. */
export function exitOf({ ok, problems }: CheckReport): number {
  if (ok) return 0;
  const fatal = problems.filter(({ severity }) => severity !== 'degraded');
  if (fatal.length === 0) return 69;
  return fatal.every(({ severity }) => severity === 'absent') ? 75 : 78;
}

/** What the model itself says against its card. A model that cannot be opened says nothing here. */
async function cardDoubts({ file, model: path, card }: Config, locate: Locate): Promise<readonly Problem[]> {
  const [{ cardContradictionOf }, { knownOf }] = await Promise.all([import('../model/input-range.ts'), import('./inspect.ts')]);
  try {
    const { inputRange } = await knownOf(path, card ?? undefined, () => {});
    const message = cardContradictionOf(path, inputRange ?? null);
    if (message === null) return [];
    const setting = card === null ? 'model' : 'card';
    const remedy = 'Write what the model was trained with, or look at both with: whet inspect MODEL';
    return [{ file, ...locate([setting], 'value'), path: setting, value: null, message, remedy }];
  } catch (error) {
    if (error instanceof WhetError) return [];
    throw error;
  }
}

export function formatCheck(report: CheckReport): string {
  const fatal = report.problems.filter(({ severity }) => severity !== 'degraded');
  const degraded = report.problems.filter(({ severity }) => severity === 'degraded');
  const parts = report.ok ? [`${report.file} is valid`] : [];
  if (fatal.length > 0) parts.push(`${report.file} cannot be used:\n${formatProblems(fatal)}`);
  if (degraded.length > 0) parts.push(`The device would run without, and try again:\n${formatProblems(degraded)}`);
  if (report.warnings.length > 0) parts.push(`Warnings:\n${formatProblems(report.warnings)}`);
  return parts.join('\n');
}
