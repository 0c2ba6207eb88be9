// `whet run`: the daemon in the foreground, until a signal. Checks the configuration as `whet check` does before anything is opened.
import { checkConfig } from '../config/check.ts';
import { ConfigError, findConfig, loadConfig } from '../config/load.ts';
import { runDaemon } from '../daemon.ts';
import { createLog } from '../log.ts';

export async function run(named: string | undefined, signal: AbortSignal): Promise<void> {
  const file = await findConfig(named);
  const { config, warnings, locate } = await loadConfig(file);
  const problems = await checkConfig(config, locate);
  if (problems.length > 0) throw new ConfigError(file, problems);
  const log = createLog(config.log);
  for (const { path, message, remedy } of warnings) log.warn({ setting: path, remedy }, message);
  await runDaemon(config, log, signal);
}
