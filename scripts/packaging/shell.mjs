// How the packager speaks and calls other programs.
import { spawnSync } from 'node:child_process';

export const say = (text) => process.stderr.write(`package: ${text}\n`);

export function fail(status, text) {
  say(text);
  process.exit(status);
}

/** Standard output of a program that must succeed. */
export function call(program, args, what, options = {}) {
  const result = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (result.status === 0) return result.stdout;
  const why = (result.error?.message ?? `${result.stderr}${result.stdout}`).trim().split('\n').slice(-5).join(' / ');
  throw new Error(`${what}: ${why}`);
}
