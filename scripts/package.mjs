// The Debian package of this checkout: program, Node.js, runtime and models in one .deb for a board or a server, made from npm packages without
// a compiler, on either processor for either. Prints size and what lintian says; `--try` installs it in a fresh Debian with a real systemd.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { call } from './machines/shell.mjs';
import { writeControl } from './packaging/control.mjs';
import { fail, say } from './packaging/shell.mjs';
import { processors, stageProgram } from './packaging/stage.mjs';
import { tryPackage } from './packaging/try.mjs';

const usage = `Usage: scripts/package [--arch amd64|arm64] [--out DIR] [--fast] [--try] [--twice] [--json]
  --arch ARCH    the processor it is for (default: this one's)
  --out DIR      where it goes (default: the folder for temporary files; nothing is written into the checkout)
  --fast         packs quickly, and larger
  --try          installs, runs, upgrades, removes and purges it in a fresh Debian 12 under systemd (root, debootstrap, systemd-nspawn)
  --twice        makes it twice and compares the bytes
  --json         one document on standard output
Needs dpkg-deb and npm; lintian and strip are used where they are (apt install lintian binutils).`;

const { values } = parseArgs({
  options: {
    arch: { type: 'string', default: process.arch === 'arm64' ? 'arm64' : 'amd64' },
    out: { type: 'string', default: join(tmpdir(), 'whetstone-package') },
    fast: { type: 'boolean', default: false },
    try: { type: 'boolean', default: false },
    twice: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}
if (!(values.arch in processors)) fail(64, `--arch takes ${Object.keys(processors).join(' or ')}, not '${values.arch}'`);

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const megabytes = (bytes) => Number((bytes / 1e6).toFixed(1));

/** Same sources, same bytes: files carry the time of the last commit, or of package.json where there is no git. */
function sourceTime() {
  const { status, stdout } = spawnSync('git', ['-C', root, 'log', '-1', '--format=%ct'], { encoding: 'utf8' });
  return (
    process.env.SOURCE_DATE_EPOCH ??
    (status === 0 ? stdout.trim() : String(Math.floor(statSync(join(root, 'package.json')).mtimeMs / 1000)))
  );
}

async function make(arch, out, version, epoch) {
  const place = mkdtempSync(join(tmpdir(), 'whetstone-stage-'));
  try {
    const tree = join(place, 'tree');
    const staged = await stageProgram(root, tree, arch);
    writeControl(root, tree, { arch, version, epoch, ...staged });
    call('find', [tree, '-exec', 'touch', '-h', '-d', `@${epoch}`, '{}', '+'], 'set the times of files');
    const file = join(out, `whetstone_${version}_${arch}.deb`);
    mkdirSync(out, { recursive: true });
    say('packing …');
    const packing = values.fast ? ['-Zzstd', '-z3'] : ['-Zxz', '-z6'];
    call('dpkg-deb', ['--root-owner-group', ...packing, '--build', tree, file], 'dpkg-deb', {
      env: { ...process.env, SOURCE_DATE_EPOCH: epoch },
    });
    return { file, ...staged, bytes: statSync(file).size };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function lint(file) {
  if (spawnSync('lintian', ['--version']).error !== undefined) return null;
  const { stdout, stderr } = spawnSync('lintian', ['--allow-root', '--tag-display-limit', '0', file], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  const lines = stdout.split('\n').filter(Boolean);
  const of = (letter) => lines.filter((line) => line.startsWith(`${letter}: `));
  if (lines.length === 0 && stderr.trim() !== '') return { errors: [], warnings: [stderr.trim().split('\n').at(-1)] };
  return { errors: of('E'), warnings: of('W') };
}

for (const program of ['dpkg-deb', 'npm'])
  if (spawnSync(program, ['--version']).error !== undefined) fail(69, `${program} is needed (sudo apt install dpkg npm)`);

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const out = resolve(values.out);
const epoch = sourceTime();
const made = await make(values.arch, out, version, epoch);
const sha256 = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
const report = {
  file: made.file,
  arch: values.arch,
  version,
  sizeMb: megabytes(made.bytes),
  installedMb: megabytes(made.installedBytes),
  targetMb: 60,
  stripped: made.isStripped,
  sha256: sha256(made.file),
  lintian: lint(made.file),
  reproducible: null,
  tried: null,
};
if (values.twice) {
  const again = await make(values.arch, join(out, 'again'), version, epoch);
  report.reproducible = sha256(again.file) === report.sha256;
}
if (values.try) {
  say('a second version, to upgrade to …');
  const next = await make(values.arch, out, `${version}+next`, epoch);
  report.tried = await tryPackage(root, made.file, next.file);
  rmSync(next.file);
}
if (values.json) console.log(JSON.stringify(report, null, 2));
else print(report);
const isBroken =
  report.reproducible === false || (report.lintian?.errors.length ?? 0) > 0 || report.tried?.steps.some(({ ok }) => !ok) === true;
process.exitCode = isBroken || !existsSync(made.file) ? 1 : 0;

function print({ file, sizeMb, installedMb, targetMb, stripped, lintian, reproducible, tried }) {
  console.log(
    `${file}: ${sizeMb} MB (target: at most ${targetMb}), ${installedMb} MB installed${stripped ? '' : '; not stripped, no strip for this processor here'}`,
  );
  if (lintian === null) console.log('lintian   not here (sudo apt install lintian)');
  else {
    console.log(`lintian   ${lintian.errors.length} errors, ${lintian.warnings.length} warnings`);
    for (const line of [...lintian.errors, ...lintian.warnings].slice(0, 20)) console.log(`  ${line}`);
  }
  if (reproducible !== null) console.log(`twice     ${reproducible ? 'the same bytes' : 'DIFFERENT bytes'}`);
  if (tried?.skipped) console.log(`tried     skipped: ${tried.skipped}`);
  for (const { what, ok, said } of tried?.steps ?? []) console.log(`${ok ? 'ok' : 'FAILED'}\t${what}${said === '' ? '' : `: ${said}`}`);
}
