// The package in a fresh Debian 12 under a real systemd: installed, its service running and answering, upgraded, removed, purged. The tree is made
// by debootstrap once and kept; each try works in a copy. Needs root; says what is missing where it cannot.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { call } from '../machines/shell.mjs';
import { say } from './shell.mjs';

const trees = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'whetstone-machines');
const inside = 'systemd,systemd-sysv,dbus,procps,adduser,init-system-helpers,libstdc++6';

function whyNot(arch) {
  if (process.getuid() !== 0) return 'needs root';
  const missing = ['debootstrap', 'systemd-nspawn', 'nsenter'].filter((name) => spawnSync(name, ['--version']).error !== undefined);
  if (missing.length > 0) return `needs ${missing.join(', ')} (apt install debootstrap systemd-container)`;
  const own = process.arch === 'arm64' ? 'arm64' : 'amd64';
  return arch === own ? null : `a package for ${arch} does not run on ${own}`;
}

export async function tryPackage(root, first, second) {
  const skipped = whyNot(/_(\w+)\.deb$/.exec(first)[1]);
  if (skipped !== null) return { skipped, steps: [] };
  const fresh = join(trees, 'bookworm-systemd');
  if (!existsSync(join(fresh, '.ready'))) {
    say('debootstrap bookworm, some minutes, once …');
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(trees, { recursive: true });
    call('debootstrap', ['--variant=minbase', `--include=${inside}`, 'bookworm', fresh, 'http://deb.debian.org/debian'], 'debootstrap');
    call('touch', [join(fresh, '.ready')], 'touch');
  }
  const tree = join(trees, `try-${process.pid}`);
  call('cp', ['-a', fresh, tree], 'copy the tree');
  for (const file of [first, second]) cpSync(file, join(tree, 'root', basename(file)));
  const machine = await boot(tree);
  try {
    return { steps: await steps(machine.run, root, tree, basename(first), basename(second)) };
  } finally {
    machine.stop();
    rmSync(tree, { recursive: true, force: true });
  }
}

async function boot(tree) {
  const options = ['-q', '-D', tree, '--register=no', '--keep-unit', '--private-network', '--boot'];
  const outer = spawn('systemd-nspawn', options, { stdio: 'ignore', detached: true });
  let leader = '';
  for (let wait = 0; leader === '' && wait < 200; wait += 1) {
    await setTimeout(50);
    leader = spawnSync('pgrep', ['-P', String(outer.pid), '-x', 'systemd'], { encoding: 'utf8' }).stdout.trim();
  }
  const run = (command, limitMs = 120_000) => {
    const environment = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C.UTF-8'];
    const enter = ['-t', leader, '-m', '-u', '-i', '-n', '-p', '-r', '-w', ...environment, 'sh', '-c', command];
    const { status, stdout, stderr } = spawnSync('nsenter', enter, { encoding: 'utf8', timeout: limitMs });
    return { status, output: `${stdout}${stderr}`.trim() };
  };
  run('systemctl is-system-running --wait');
  return {
    run,
    stop() {
      run('systemctl poweroff', 20_000);
      outer.kill('SIGKILL');
    },
  };
}

async function steps(run, root, tree, first, second) {
  const done = [];
  const step = (what, { status, output }, holds = status === 0) =>
    void done.push({ what, ok: Boolean(holds), said: holds ? '' : output.split('\n').slice(-4).join(' / ') });
  const until = async (command, wanted, seconds = 60) => {
    let last = run(command);
    for (let wait = 0; wait < seconds && !wanted(last.output); wait += 1) {
      await setTimeout(1000);
      last = run(command);
    }
    return last;
  };
  const config = '/etc/whetstone/whetstone.yaml';
  const status = `whet status --config ${config} --json`;

  step('installs', run(`dpkg -i /root/${first}`));
  step('the command answers', run('whet --version'));
  for (const name of ['model.onnx', 'model.json']) cpSync(join(root, 'models', 'objects', name), join(tree, 'etc', 'whetstone', name));
  step('its configuration is valid', run(`whet check --config ${config}`));
  step('the service starts', run('systemctl enable --now whetstone'));
  const active = await until('systemctl is-active whetstone', (output) => output === 'active');
  step('the service runs', active, active.output === 'active');
  const answer = run(status);
  step('the service answers', answer, answer.status === 0 && answer.output.includes('"release"'));
  const before = run('systemctl show -p MainPID --value whetstone').output;

  step('upgrades', run(`dpkg -i /root/${second}`));
  const after = await until('systemctl show -p MainPID --value whetstone', (output) => output !== before && output !== '0');
  step('the service was started again', after, after.output !== before && after.output !== '0');
  const again = await until(status, (output) => output.includes('"release"'));
  step('it answers after the upgrade', again, again.output.includes('"release"'));
  step('the configuration stays', run(`test -e ${config} && test -e /etc/whetstone/model.onnx`));

  step('is removed', run('dpkg -r whetstone'));
  const gone = run('systemctl is-active whetstone; pgrep -f whetstone/dist; test -e /usr/bin/whet');
  step('nothing runs, and no command is left', gone, gone.status !== 0 && !/^active/m.test(gone.output));
  step('samples and configuration stay', run(`test -e ${config} && ls /var/lib/whetstone`));
  step('is purged', run('dpkg -P whetstone'));
  const left = run('ls -d /etc/whetstone /var/lib/whetstone /usr/lib/whetstone 2>/dev/null');
  step('nothing of it is left but the inbox', left, left.output === '' && readdirSync(join(tree, 'srv')).includes('whetstone'));
  const failed = run('systemctl --failed --no-legend');
  step('no unit has failed', failed, failed.output === '');
  return done;
}
