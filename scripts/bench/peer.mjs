// PyTorch as others would use it, in a folder of its own (a Debian root that `setup.sh` beside the peer's scripts makes). Gives null, and says
// why, where it is not set up: a benchmark then shows Whetstone's own numbers alone.
import '../../agent/runtime/telemetry-off.ts';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export function findPeer({ peers, peerRoot }) {
  const folder = peers ?? fileURLToPath(new URL('../../../shared/peers', import.meta.url));
  const root = folderOf(peerRoot);
  if (!existsSync(join(folder, 'run.sh'))) return { run: null, why: `no peer scripts in ${folder} (--peers DIR)` };
  if (!existsSync(join(root, 'usr', 'bin', 'python3')))
    return { run: null, why: `no Python in ${root} (--peer-root FOLDER, or WHET_PEERS)` };
  return { run: (script, args, threads = 1) => runPeer(folder, root, script, args, threads), why: null };
}

/** The JSON line that a peer script prints, measured on so many threads. */
function runPeer(folder, root, script, args, threads) {
  const result = spawnSync('bash', [join(folder, 'run.sh'), root, script, ...args.map(String)], {
    encoding: 'utf8',
    env: { ...process.env, T: String(threads) },
    timeout: 300_000,
  });
  const line = result.stdout?.trim().split('\n').at(-1) ?? '';
  if (result.status !== 0 || !line.startsWith('{')) {
    throw new Error(`the peer ${script} failed (status ${result.status}): ${result.stderr?.trim() || 'no output'}`);
  }
  return JSON.parse(line);
}

const folderOf = (peerRoot) =>
  peerRoot ?? process.env.WHET_PEERS ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'peers-trixie');

/** The root itself, for peer scripts of this project: `runFile(url, args)` gives the JSON line that one prints last. `path` null: not set up. */
export function findRoot({ peerRoot }) {
  const root = folderOf(peerRoot);
  if (!existsSync(join(root, 'usr', 'bin', 'python3')))
    return { path: null, why: `no Python in ${root} (--peer-root FOLDER, or WHET_PEERS)` };
  const runFile = (url, args) => {
    const file = fileURLToPath(url);
    copyFileSync(file, join(root, basename(file)));
    const result = spawnSync('chroot', [root, 'env', 'OMP_NUM_THREADS=1', 'python3', `/${basename(file)}`, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = result.stdout?.trim().split('\n').at(-1) ?? '';
    if (result.status !== 0 || !line.startsWith('{')) throw new Error(`the peer ${basename(file)} failed (status ${result.status})`);
    return JSON.parse(line);
  };
  return { path: root, why: null, runFile };
}
