// `whet run`: the daemon in the foreground, until a signal. Checks the configuration as `whet check` does before anything is opened, and
// refuses only what nothing works without: a source or a broker that is away is tried again, for as long as it takes. Speaks to whoever sits at a
// terminal, and logs JSON lines otherwise: systemd, a pipe, a file.
import { checkConfig } from '../config/check.ts';
import { ConfigError, findConfig, loadConfig } from '../config/load.ts';
import { formatProblems } from '../config/problem.ts';
import { runDaemon } from '../daemon.ts';
import { WhetError } from '../errors.ts';
import { createHeardLog, createLog } from '../log.ts';
import { createTerminalOutlet, type TerminalOutlet } from '../outlets/terminal.ts';

export async function run(named: string | undefined, signal: AbortSignal, json: boolean): Promise<void> {
  const file = await findConfig(named);
  const { config, warnings, locate } = await loadConfig(file);
  const problems = await checkConfig(config, locate);
  const fatal = problems.filter(({ severity }) => severity !== 'degraded');
  if (fatal.some(({ severity }) => severity !== 'absent')) throw new ConfigError(file, fatal);
  if (fatal.length > 0) throw new WhetError('not-there-yet', `${file} names what is not there`, { hint: formatProblems(fatal) });
  const terminal = json || !process.stdout.isTTY || !process.stderr.isTTY ? null : terminalOutlet();
  const log = terminal === null ? createLog(config.log) : createHeardLog('info', terminal.logged);
  for (const { path, message, remedy } of [...warnings, ...problems]) log.warn({ setting: path, remedy }, message);
  await runDaemon(config, log, signal, terminal === null ? [] : [terminal]);
}

function terminalOutlet(): TerminalOutlet {
  return createTerminalOutlet({
    write: (text) => process.stdout.write(text),
    columns: () => process.stdout.columns || 80,
    colours: hasColours(process.env),
    now: Date.now,
  });
}

/** https://no-color.org */
function hasColours({ NO_COLOR, TERM }: NodeJS.ProcessEnv): boolean {
  return (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb';
}
