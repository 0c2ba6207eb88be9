// `whet run`: the daemon in the foreground, until a signal. Checks the configuration as `whet check` does before anything is opened, and
// refuses only what nothing works without: a source or a broker that is away is tried again, for as long as it takes.
import { checkConfig } from '../config/check.ts';
import { ConfigError, findConfig, loadConfig } from '../config/load.ts';
import { formatProblems } from '../config/problem.ts';
import { runDaemon } from '../daemon.ts';
import { WhetError } from '../errors.ts';
import { createLog } from '../log.ts';

export async function run(named: string | undefined, signal: AbortSignal): Promise<void> {
  const file = await findConfig(named);
  const { config, warnings, locate } = await loadConfig(file);
  const problems = await checkConfig(config, locate);
  const fatal = problems.filter(({ severity }) => severity !== 'degraded');
  if (fatal.some(({ severity }) => severity !== 'absent')) throw new ConfigError(file, fatal);
  if (fatal.length > 0) throw new WhetError('not-there-yet', `${file} names what is not there`, { hint: formatProblems(fatal) });
  const log = createLog(config.log);
  for (const { path, message, remedy } of [...warnings, ...problems]) log.warn({ setting: path, remedy }, message);
  await runDaemon(config, log, signal);
}
