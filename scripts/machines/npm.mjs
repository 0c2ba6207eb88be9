// A machine that has one of npm's versions, from its npm package, and a Node.js of its time: a folder with these two alone on the PATH, a clean
// clone under a name with a blank and an umlaut, an empty home.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { arch, inFolder, newEnvironment, packagedNode, shellWord, timed, versions } from './shell.mjs';

/** What systems and people have: Ubuntu 22.04, Debian 12 and 13, Node.js 22, today. */
export const npmVersions = [
  { npm: '8.5.5', node: '12.22.12' },
  { npm: '9.2.0', node: '18.20.8' },
  { npm: '10.9.4', node: '22.21.1' },
  { npm: 'latest', node: '24' },
];

/** A network namespace without a network, where an ordinary user may make one. */
const noNetwork = () => (spawnSync('unshare', ['-rn', 'true']).status === 0 ? ['unshare', '-rn'] : []);

/** Installs npm and Node.js of these versions with the npm at hand; throws where the registry cannot be reached. */
function fetchPair({ npm, node }, folder) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  const wanted = [`npm@${npm}`, `node-linux-${arch}@${node}`];
  // Neither script nor engine check: nothing of it runs on the Node.js of this machine.
  const args = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', ...wanted];
  const result = spawnSync('npm', args, { encoding: 'utf8', cwd: folder });
  return result.status === 0 ? null : `npm install ${wanted.join(' ')}: ${(result.stderr ?? String(result.error)).trim().split('\n')[0]}`;
}

export function npmMachine(version, { root, work }) {
  const folder = join(work, `npm ${version.npm}`);
  const problem = fetchPair(version, join(folder, 'tools'));
  if (problem !== null) return { skipped: problem };
  const modules = join(folder, 'tools', 'node_modules');
  const bin = join(folder, 'bin');
  const systemNode = join(modules, `node-linux-${arch}`, 'bin', 'node');
  mkdirSync(bin);
  for (const [name, command] of [
    ['node', `exec ${shellWord(systemNode)} "$@"`],
    ['npm', `exec ${shellWord(systemNode)} ${shellWord(join(modules, 'npm', 'bin', 'npm-cli.js'))} "$@"`],
  ]) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${command}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const clone = join(folder, 'mein Gerät');
  const home = join(folder, 'home');
  mkdirSync(home);
  const cloned = spawnSync('git', ['clone', '--quiet', '--no-hardlinks', root, clone], { encoding: 'utf8' });
  if (cloned.status !== 0) throw new Error(`git clone: ${cloned.stderr.trim()}`);
  const environment = newEnvironment({ HOME: home, PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin`, TMPDIR: folder });
  const run = (command, { limitMs, offline = false }) =>
    timed([...(offline ? noNetwork() : []), 'bash', '--norc', '-c', inFolder(clone, command)], environment, limitMs);
  const started = run('npm --version', { limitMs: 60_000 });
  if (started.status !== 0) throw new Error(`npm ${version.npm} does not run on Node.js ${version.node}: ${started.output.trim()}`);
  return {
    ...versions(run),
    clone,
    node: packagedNode,
    // What setting up could break: the checks, and the tests of the scripts. The others run on the Debian machines.
    tests: 'test/scripts/whet.test.ts test/scripts/build.test.ts test/runtime',
    run,
    close: () => {
      for (const name of readdirSync(folder)) if (name !== 'tools') rmSync(join(folder, name), { recursive: true, force: true });
    },
  };
}
