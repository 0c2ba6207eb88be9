// A checkout with the real `whet`, `node` and `setup.sh`. Standing in for the registry, an `npm` that notes each call and lays down what `npm ci`
// would; for the build, one that writes a program which prints its arguments. The real ones run when scripts/test sets itself up.
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const scripts = fileURLToPath(new URL('../../scripts/', import.meta.url));
export const architecture = process.arch === 'arm64' ? { own: 'arm64', foreign: 'x64' } : { own: 'x64', foreign: 'arm64' };
export const binaries = ['sharp', 'sharp-libvips'].map((name) => `@img/${name}-linux-${architecture.own}`);
const devBinaries = [`@rolldown/binding-linux-${architecture.own}-gnu`, `@biomejs/cli-linux-${architecture.own}`];

export interface Clone {
  /** Of the test's own; holds the checkout and `bin`, which is first on the PATH. */
  readonly folder: string;
  readonly root: string;
  readonly bin: string;
  readonly whet: string;
  /** Where the packaged Node.js belongs. */
  readonly node: string;
  /** Shell: what npm does at least, the packaged Node.js and the binaries that this machine needs. */
  readonly layNative: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Puts a program with this shell in `bin`. */
  program(name: string, body: string): void;
  /** Calls of npm and of the build so far. */
  calls(): readonly string[];
  remove(): void;
}

export function createClone(): Clone {
  const folder = mkdtempSync(join(tmpdir(), 'whet clone '));
  const root = join(folder, 'a checkout');
  const bin = join(folder, 'bin');
  const node = join(root, 'node_modules', `node-linux-${architecture.own}`, 'bin', 'node');
  const layPackages = (names: readonly string[]) =>
    names.map((name) => `mkdir -p '${root}/node_modules/${name}'; echo '{}' >'${root}/node_modules/${name}/package.json'`).join('; ');
  const layNative = `mkdir -p '${dirname(node)}'; ln -sf '${process.execPath}' '${node}'; ${layPackages(binaries)}`;
  const program = (name: string, body: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  for (const path of [join(root, 'scripts'), join(root, 'agent'), bin]) mkdirSync(path, { recursive: true });
  for (const name of ['whet', 'node', 'setup.sh']) cpSync(join(scripts, name), join(root, 'scripts', name));
  for (const name of ['package.json', 'package-lock.json', 'tsconfig.json']) writeFileSync(join(root, name), '{}');
  writeFileSync(join(root, 'agent', 'main.ts'), '');
  writeFileSync(
    join(root, 'scripts', 'build.mjs'),
    `import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
appendFileSync(${JSON.stringify(join(folder, 'calls'))}, 'build\\n');
mkdirSync(${JSON.stringify(join(root, 'dist'))}, { recursive: true });
writeFileSync(${JSON.stringify(join(root, 'dist', 'main.js'))}, 'process.stdout.write(JSON.stringify(process.argv.slice(2))); process.exitCode = 3;');
writeFileSync(${JSON.stringify(join(root, 'dist', '.built'))}, '');
`,
  );
  program(
    'npm',
    `case "$*" in *--version*) ;; *) echo "npm $*" >>'${join(folder, 'calls')}' ;; esac
sleep 0.3
case "$*" in *--version*) echo 8.5.5; exit ;; esac
${layNative}
case "$*" in *--include=dev*) ${layPackages([...devBinaries, 'typescript'])} ;; esac`,
  );
  return {
    folder,
    root,
    bin,
    whet: join(root, 'scripts', 'whet'),
    node,
    layNative,
    environment: { PATH: `${bin}:/usr/bin:/bin`, TMPDIR: folder },
    program,
    calls: () => (existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n') : []),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
