// The program as it lies on a board: code bundled into a few files, the Node.js and the native packages of one processor, models, unit. Gives
// the installed size, and the licences of all that is inside.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { rolldown } from 'rolldown';
import { call } from '../machines/shell.mjs';
import { fail, say } from './shell.mjs';

/** Debian's name of a processor → npm's, and programs that can strip for it. */
export const processors = {
  amd64: { cpu: 'x64', strips: process.arch === 'x64' ? ['strip', 'llvm-strip'] : ['x86_64-linux-gnu-strip', 'llvm-strip'] },
  arm64: { cpu: 'arm64', strips: process.arch === 'arm64' ? ['strip', 'llvm-strip'] : ['aarch64-linux-gnu-strip', 'llvm-strip'] },
};

export const home = 'usr/lib/whetstone';

/** What is loaded by name, with native code of its own; all else becomes part of the bundle. */
const native = ['onnxruntime-node', 'sharp'];
/** Asked for by the install scripts of native packages alone. */
const installOnly = new Set(['adm-zip', 'global-agent']);
const unread = /\.(map|d\.[mc]?ts|md|markdown)$|(^|\/)(script|include|share|test|docs?)\//i;

export async function stageProgram(root, tree, arch) {
  const { cpu } = processors[arch];
  const program = join(tree, home);
  const packages = installPackages(root, cpu);
  try {
    mkdirSync(program, { recursive: true });
    say('bundling …');
    await bundle(root, join(program, 'dist'));
    copyPackages(packages, join(program, 'node_modules'), cpu);
    mkdirSync(join(program, 'bin'));
    cpSync(join(packages, `node-linux-${cpu}`, 'bin', 'node'), join(program, 'bin', 'node'));
    const isStripped = strip(join(program, 'bin', 'node'), arch);
    cpSync(join(root, 'models'), join(program, 'models'), { recursive: true, filter: (path) => !/\.(md)$/.test(path) });
    const { name, version, type, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    writeFileSync(join(program, 'package.json'), `${JSON.stringify({ name, version, type, license }, null, 2)}\n`);
    settleModes(tree);
    return { installedBytes: sizeOf(tree), isStripped, licences: licencesOf(packages) };
  } finally {
    rmSync(dirname(packages), { recursive: true, force: true });
  }
}

/** Production packages for that processor, whatever this one is; no install script runs. */
function installPackages(root, cpu) {
  const place = mkdtempSync(join(tmpdir(), 'whetstone-npm-'));
  for (const file of ['package.json', 'package-lock.json']) cpSync(join(root, file), join(place, file));
  say(`fetching packages for linux-${cpu} …`);
  const wanted = [
    '--os=linux',
    `--cpu=${cpu}`,
    '--libc=glibc',
    '--omit=dev',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  call('npm', ['ci', ...wanted], 'npm ci', { cwd: place, stdio: ['ignore', 'pipe', 'pipe'] });
  const packages = join(place, 'node_modules');
  if (!existsSync(join(packages, `node-linux-${cpu}`, 'bin', 'node'))) fail(69, `npm brought no Node.js for linux-${cpu}`);
  return packages;
}

const entries = ['main', 'training/trainer', 'inference/worker', 'inference/decode-apart'];

/** The entries (command, worker, what decodes apart, trainer) and what they share; schemas and pages beside them. */
export async function bundle(root, out) {
  call(process.execPath, ['--no-warnings', join(root, 'scripts', 'build.mjs')], 'the build');
  const dist = join(root, 'dist');
  const made = await rolldown({
    cwd: root,
    input: Object.fromEntries(entries.map((name) => [name, `dist/${name}.js`])),
    platform: 'node',
    external: [...native, /^@tensorflow\//],
  });
  await made.write({ dir: out, format: 'esm', chunkFileNames: 'chunks/[name]-[hash].js', comments: { legal: false } });
  await made.close();
  for (const entry of readdirSync(dist, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || /\.js$/.test(entry.name) || entry.name.startsWith('.')) continue;
    const target = join(out, relative(dist, join(entry.parentPath, entry.name)));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(entry.parentPath, entry.name), target);
  }
}

/** The native packages with what they need. */
function closureOf(packages) {
  const found = new Set();
  const visit = (name) => {
    const file = join(packages, name, 'package.json');
    if (found.has(name) || installOnly.has(name) || !existsSync(file)) return;
    found.add(name);
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(file, 'utf8'));
    for (const next of [...Object.keys(dependencies), ...Object.keys(optionalDependencies)]) visit(next);
  };
  native.forEach(visit);
  return [...found].sort();
}

function copyPackages(packages, out, cpu) {
  const foreign = new RegExp(`^onnxruntime-node/bin/napi-v6/(?!linux(/${cpu}(/|$)|$))`);
  for (const name of closureOf(packages))
    cpSync(join(packages, name), join(out, name), {
      recursive: true,
      filter(path) {
        const within = relative(packages, path);
        return !foreign.test(within) && !unread.test(statSync(path).isDirectory() ? `${within}/` : within);
      },
    });
}

function strip(file, arch) {
  return processors[arch].strips.some((program) => spawnSync(program, ['--strip-unneeded', file]).status === 0);
}

/** Files 0644, programs and folders 0755, whatever the checkout has. */
function settleModes(tree) {
  call('chmod', ['-R', 'u=rwX,go=rX', tree], 'set the modes of files');
  for (const entry of readdirSync(tree, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    call('chmod', [path.endsWith('/bin/node') ? '0755' : '0644', path], 'set the mode of a file');
  }
}

export function sizeOf(tree) {
  return readdirSync(tree, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/** Name, version and licence of every package that is in the program, bundled or beside it, with the text where the package brings one. */
function licencesOf(packages) {
  return readdirSync(packages, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name === 'package.json' && /node_modules\/(@[^/]+\/)?[^/]+$/.test(entry.parentPath))
    .map(({ parentPath }) => {
      const { name, version, license } = JSON.parse(readFileSync(join(parentPath, 'package.json'), 'utf8'));
      const file = readdirSync(parentPath).find((entry) => /^(licen[cs]e|copying)(\.(md|txt))?$/i.test(entry));
      return {
        name,
        version,
        license: license ?? 'unknown',
        text: file === undefined ? null : readFileSync(join(parentPath, file), 'utf8'),
      };
    })
    .filter(({ name }) => name !== undefined && !installOnly.has(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
