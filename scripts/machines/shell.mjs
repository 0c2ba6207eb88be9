// What all machines have in common: how a command is run on one and timed, and which of this machine's settings hold there too.
import { spawnSync } from 'node:child_process';

export const arch = process.arch === 'arm64' ? 'arm64' : 'x64';
/** The packaged Node.js, as a path below a clone. */
export const packagedNode = `node_modules/node-linux-${arch}/bin/node`;

export const shellWord = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** A new environment. Settings for the registry and its certificates are the machine's, not npm's; tests see that they run inside of this. */
export function newEnvironment(more) {
  const passed = Object.entries(process.env).filter(([name]) =>
    /^(npm_config_(registry|cafile)|NODE_EXTRA_CA_CERTS|https?_proxy)$/i.test(name),
  );
  return { ...Object.fromEntries(passed), LANG: 'C.UTF-8', WHETSTONE_FRESH: '1', ...more };
}

/** Shell with nothing to read and one stream to write. */
export const inFolder = (folder, command) => `exec 2>&1 </dev/null; cd ${shellWord(folder)} && ${command}`;

export function timed([program, ...args], env, limitMs) {
  const begun = process.hrtime.bigint();
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env, timeout: limitMs, maxBuffer: 1 << 28 });
  return { status, output: stdout + stderr, ms: Number(process.hrtime.bigint() - begun) / 1e6, limitMs };
}

/** What npm and Node.js say of themselves on a machine with this `run`. */
export function versions(run) {
  const said = (command) => run(command, { limitMs: 60_000 }).output.trim();
  return { npm: said('npm --version'), nodeVersion: said('node --version').replace(/^v/, '') };
}

/** Standard output of a program that must succeed; what it said last where it did not. */
export function call(program, args, what, options = {}) {
  const result = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (result.status === 0) return result.stdout;
  const said = result.error?.message ?? `${result.stderr}${result.stdout}`;
  throw new Error(`${what}: ${said.trim().split('\n').slice(-5).join(' / ')}`);
}
