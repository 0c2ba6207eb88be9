// `whet` at a terminal of its own, made by script(1): what is written to its input is typed, what it prints is what the terminal shows.
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { entryPoint } from '../../agent/installation.ts';

/** Tests that need a terminal are skipped without it. */
export const hasTerminal = spawnSync('script', ['--version']).status === 0;

/** A checkout may lie in a folder with blanks and quotes in its name. */
const word = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

export function atTerminal(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): ChildProcessWithoutNullStreams {
  const command = [process.execPath, entryPoint('main'), ...args].map(word).join(' ');
  return spawn('script', ['-qec', command, '/dev/null'], options);
}
