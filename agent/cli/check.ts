// `whet check`: the configuration and everything it names, all problems at once. Takes a path (or none), gives a report.
import { checkConfig } from '../config/check.ts';
import { ConfigError, findConfig, loadConfig } from '../config/load.ts';
import { formatProblems, type Problem } from '../config/problem.ts';

export interface CheckReport {
  readonly file: string;
  readonly ok: boolean;
  readonly problems: readonly Problem[];
  /** Allowed, but unwise. */
  readonly warnings: readonly Problem[];
}

export async function check(named: string | undefined): Promise<CheckReport> {
  const file = await findConfig(named);
  try {
    const { config, warnings, locate } = await loadConfig(file);
    const problems = await checkConfig(config, locate);
    return { file, ok: problems.length === 0, problems, warnings };
  } catch (error) {
    if (error instanceof ConfigError) return { file, ok: false, problems: error.problems, warnings: [] };
    throw error;
  }
}

export function formatCheck(report: CheckReport): string {
  const parts = [report.ok ? `${report.file} is valid` : `${report.file} cannot be used:\n${formatProblems(report.problems)}`];
  if (report.warnings.length > 0) parts.push(`Warnings:\n${formatProblems(report.warnings)}`);
  return parts.join('\n');
}
