// A Debian as a new board has it: a tree made by debootstrap with Debian's own npm, Node.js and git and nothing else, kept for the next time; each
// try works in a copy. Commands run in it by chroot, in mount and process namespaces of their own, as an ordinary user or as root.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { call, inFolder, newEnvironment, packagedNode, shellWord, timed, versions } from './shell.mjs';

/** `user` runs the second command: root installs the programs that tests need; for others their tests are skipped by name. */
export const suites = [
  { name: 'Debian 12, an ordinary user', suite: 'bookworm', user: 'maker' },
  { name: 'Debian 13, root', suite: 'trixie', user: 'root' },
];

const folder = '/home/maker/my whétstone';
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function whyNot() {
  if (process.getuid() !== 0) return 'needs root (chroot and mounts)';
  const missing = ['debootstrap', 'unshare', 'chroot'].filter((name) => spawnSync(name, ['--help']).error !== undefined);
  return missing.length === 0 ? null : `needs ${missing.join(', ')} (sudo apt install debootstrap)`;
}

/** Runs `command` in the tree. Certificates and registry settings of this machine hold there too. */
function runIn(tree, command, { limitMs, user = 'maker', offline = false, within = '/' }) {
  const home = user === 'root' ? '/root' : '/home/maker';
  const environment = newEnvironment({ HOME: home, USER: user, PATH: path, DEBIAN_FRONTEND: 'noninteractive' });
  const certificates = process.env.NODE_EXTRA_CA_CERTS;
  const inTree = shellWord(tree);
  const setUp = [
    'mount --make-rprivate /',
    `mount -t proc proc ${inTree}/proc`,
    `mount --rbind /dev ${inTree}/dev`,
    `mount --rbind /sys ${inTree}/sys`,
    ...(certificates === undefined || !existsSync(certificates)
      ? []
      : [`mount --bind ${shellWord(certificates)} ${shellWord(join(tree, certificates))}`]),
    `exec chroot --userspec=${user}:${user} ${inTree} /bin/bash --norc -c ${shellWord(inFolder(within, command))}`,
  ];
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', ...(offline ? ['--net'] : [])];
  return timed(['unshare', ...namespaces, 'bash', '--norc', '-c', setUp.join(' && ')], environment, limitMs);
}

function makeTree(tree, suite, mirror, say) {
  const ready = join(tree, '.ready');
  if (existsSync(ready)) return;
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(dirname(tree), { recursive: true });
  say(`debootstrap ${suite}, some minutes, once …`);
  call('debootstrap', ['--variant=minbase', '--include=ca-certificates', suite, tree, mirror], `debootstrap ${suite}`);
  for (const name of ['resolv.conf', 'hosts']) copyFileSync(join('/etc', name), join(tree, 'etc', name));
  const install =
    'apt-get -q update && apt-get -qy install --no-install-recommends git npm && useradd --create-home maker && apt-get clean';
  const { status, output } = runIn(tree, install, { limitMs: 1_800_000, user: 'root' });
  if (status !== 0) throw new Error(`apt-get install git npm in ${suite}: ${output.trim().split('\n').slice(-3).join(' / ')}`);
  writeFileSync(ready, '');
}

export function debianMachine({ suite, user }, { root, work, trees, mirror, say }) {
  const missing = whyNot();
  if (missing !== null) return { skipped: missing };
  const original = join(trees, suite);
  makeTree(original, suite, mirror, say);
  const tree = join(work, suite);
  call('cp', ['-a', '--reflink=auto', original, tree], 'a copy of the tree');
  const clone = join(tree, folder);
  call('git', ['clone', '--quiet', '--no-hardlinks', root, clone], 'git clone');
  const run = (command, options) => runIn(tree, command, { ...options, within: folder });
  const owned = runIn(tree, `chown -R maker:maker ${shellWord(folder)}`, { limitMs: 60_000, user: 'root' });
  if (owned.status !== 0) throw new Error(`chown in ${suite}: ${owned.output.trim()}`);
  return {
    ...versions(run),
    clone,
    node: packagedNode,
    tests: '',
    run: (command, options) => run(command, { ...options, user: options.second === true ? user : 'maker' }),
    close: () => rmSync(tree, { recursive: true, force: true }),
  };
}
