import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const scripts = fileURLToPath(new URL('../../scripts/', import.meta.url));
let folder: string;
let root: string;
let bin: string;
/** What npm does at least: the packaged Node.js, and the binaries that this machine needs. */
let layNative: string;
const whet = () => join(root, 'scripts', 'whet');
const architecture = process.arch === 'arm64' ? { own: 'arm64', foreign: 'x64' } : { own: 'x64', foreign: 'arm64' };
const packaged = () => join(root, 'node_modules', `node-linux-${architecture.own}`, 'bin', 'node');
const binaries = ['sharp', 'sharp-libvips'].map((name) => `@img/${name}-linux-${architecture.own}`);
const devBinaries = [`@rolldown/binding-linux-${architecture.own}-gnu`, `@biomejs/cli-linux-${architecture.own}`];
const layPackages = (names: readonly string[]) =>
  names.map((name) => `mkdir -p '${root}/node_modules/${name}'; echo '{}' >'${root}/node_modules/${name}/package.json'`).join('; ');
const calls = () => (existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n') : []);

/**
 * A checkout with the real `whet` and `setup.sh`. Standing in for the registry, an `npm` that notes each call and lays down what `npm ci`
 * would; for the compiler, a build that writes a program which prints its arguments. The real ones run when scripts/test sets itself up.
 */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whet clone '));
  root = join(folder, 'a checkout');
  bin = join(folder, 'bin');
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
  layNative = `mkdir -p '${dirname(packaged())}'; ln -sf '${process.execPath}' '${packaged()}'; ${layPackages(binaries)}`;
  program(
    'npm',
    `case "$*" in *--version*) ;; *) echo "npm $*" >>'${join(folder, 'calls')}' ;; esac
sleep 0.3
case "$*" in *--version*) echo 8.5.5; exit ;; esac
${layNative}
case "$*" in *--include=dev*) mkdir '${root}/node_modules/typescript'; echo '{}' >'${root}/node_modules/typescript/package.json'; ${layPackages(devBinaries)} ;; esac`,
  );
});

afterEach(() => rmSync(folder, { recursive: true }));

function program(name: string, body: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(bin, name), 0o755);
}

const environment = () => ({ PATH: `${bin}:/usr/bin:/bin`, TMPDIR: folder });

function run(args: readonly string[] = [], path = whet(), cwd = folder): SpawnSyncReturns<string> {
  return spawnSync(path, args, { encoding: 'utf8', cwd, env: environment() });
}

function touch(path: string, offsetSeconds: number): void {
  const time = Date.now() / 1000 + offsetSeconds;
  utimesSync(path, time, time);
}

describe('scripts/whet', () => {
  it('sets itself up the first time, then runs at once, with its arguments and exit status as they are', () => {
    const first = run(['label', 'my cat', '*', '']);
    expect(first.stderr).toMatch(/installing packages[^\n]*\n.*building/);
    expect(first.stdout).toBe('["label","my cat","*",""]');
    expect(first.status).toBe(3);
    expect(calls()).toHaveLength(2);
    const second = run(['status']);
    expect(second).toMatchObject({ stdout: '["status"]', stderr: '', status: 3 });
    expect(calls()).toHaveLength(2);
  });

  it('runs through a link and from any folder', () => {
    symlinkSync(whet(), join(bin, 'a link'));
    expect(run(['x'], join(bin, 'a link'), '/').stdout).toBe('["x"]');
    expect(spawnSync('bash', ['whet', 'y'], { encoding: 'utf8', cwd: join(root, 'scripts'), env: environment() }).stdout).toBe('["y"]');
  });

  it('builds again when a source changed or went, installs again when the lock file changed', () => {
    run();
    touch(join(root, 'agent', 'main.ts'), 5);
    run();
    expect(calls().slice(2)).toEqual(['build']);
    for (const path of ['agent', 'agent/main.ts']) touch(join(root, path), -5);
    rmSync(join(root, 'agent', 'main.ts'));
    touch(join(root, 'agent'), 5);
    run();
    expect(calls().slice(3)).toEqual(['build']);
    touch(join(root, 'agent'), -5);
    touch(join(root, 'package-lock.json'), 5);
    run();
    expect(calls()).toHaveLength(4);
    writeFileSync(join(root, 'package-lock.json'), '{"changed":true}');
    touch(join(root, 'package-lock.json'), 5);
    run();
    expect(calls()[4]).toMatch(/^npm .* ci /);
  });

  it('sets up once when two first runs meet', async () => {
    const runs = [0, 1].map(
      () =>
        new Promise((resolve) => {
          spawn(whet(), ['x'], { env: environment(), stdio: 'ignore' }).on('exit', resolve);
        }),
    );
    expect(await Promise.all(runs)).toEqual([3, 3]);
    expect(calls()).toHaveLength(2);
  });

  it('says how to get npm where there is none', () => {
    rmSync(join(bin, 'npm'));
    for (const name of ['bash', 'readlink', 'find', 'cmp', 'flock', 'mktemp', 'getconf', 'tail', 'rm', 'cp', 'env']) {
      symlinkSync(spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim(), join(bin, name));
    }
    const { status, stdout, stderr } = spawnSync(whet(), [], { encoding: 'utf8', env: { PATH: bin } });
    expect({ status, stdout }).toEqual({ status: 69, stdout: '' });
    expect(stderr).toContain('apt install npm');
  });

  it('names the log when a stage fails, and begins again the next time', () => {
    program('npm', 'case "$*" in *--version*) echo 8.5.5; exit ;; esac; echo "E404 no such package"; exit 1');
    const { status, stderr } = run();
    expect(status).toBe(75);
    expect(stderr).toContain('E404 no such package');
    const log = /The whole log is in (.+)$/m.exec(stderr)?.[1] ?? '';
    expect(readFileSync(log, 'utf8')).toContain('E404');
    expect(run().status).toBe(75);
  });

  it('reads no link that several packages share, and is not misled by one', () => {
    run();
    rmSync(join(root, 'node_modules', '.bin'), { recursive: true, force: true });
    expect(run(['x'])).toMatchObject({ stdout: '["x"]', status: 3 });
    expect(calls()).toHaveLength(2);
  });

  it('leaves out what this machine cannot run or never reads', () => {
    const modules = join(root, 'node_modules');
    const kept = [
      `onnxruntime-node/bin/napi-v6/linux/${architecture.own}/libonnxruntime.so.1`,
      `@img/sharp-linux-${architecture.own}/lib/sharp.node`,
      'zod/index.js',
      'zod/LICENSE',
    ];
    const dropped = [
      `onnxruntime-node/bin/napi-v6/linux/${architecture.foreign}/libonnxruntime.so.1`,
      'onnxruntime-node/bin/napi-v6/darwin/arm64/libonnxruntime.dylib',
      'onnxruntime-node/bin/napi-v6/win32/x64/onnxruntime.dll',
      `node-linux-${architecture.own}/include/node/v8.h`,
      `node-linux-${architecture.foreign}/bin/node`,
      `@img/sharp-linuxmusl-${architecture.own}/lib/sharp.node`,
      '@img/sharp-wasm32/lib/sharp.wasm',
      `lightningcss-linux-${architecture.own}-musl/lightningcss.node`,
      'zod/index.js.map',
      'zod/index.d.ts',
    ];
    const lay = [...kept, ...dropped].map((path) => `mkdir -p '${dirname(join(modules, path))}'; echo x >'${join(modules, path)}'`);
    program('npm', `echo 8.5.5\n${layNative}\n${lay.join('\n')}`);
    expect(run(['x']).stderr).toContain('installing');
    expect(kept.filter((path) => !existsSync(join(modules, path)))).toEqual([]);
    expect(dropped.filter((path) => existsSync(join(modules, path)))).toEqual([]);
  });

  it('adds what tests need only when it is asked for, and keeps it from then on', () => {
    run();
    expect(calls()[0]).toContain('--omit=dev');
    const dev = () => spawnSync('bash', ['--norc', '-c', `root='${root}'; . "$root/scripts/setup.sh"; set_up dev`], { env: environment() });
    expect(dev().status).toBe(0);
    expect(calls().at(-1)).toContain('--include=dev');
    run();
    expect(calls()).toHaveLength(3);
    writeFileSync(join(root, 'package-lock.json'), '{"changed":true}');
    touch(join(root, 'package-lock.json'), 5);
    run();
    expect(calls().at(-1)).toContain('--include=dev');
  });

  it('installs where the home cannot be written', () => {
    const home = join(folder, 'home');
    writeFileSync(home, 'a file, so that nothing can be made in it, by root neither');
    const { status } = spawnSync(whet(), ['x'], { env: { ...environment(), HOME: home } });
    expect(status).toBe(3);
    expect(calls()[0]).toContain(`--cache ${folder}/tmp.`);
  });

  it('gives the packaged Node.js to scripts', () => {
    const { stdout } = spawnSync(join(root, 'scripts', 'node'), ['-p', 'process.argv.length + process.env.ORT_DISABLE_TELEMETRY'], {
      encoding: 'utf8',
      env: environment(),
    });
    expect(stdout).toBe('11\n');
  });
});

describe('a machine that cannot run it', () => {
  /** What setup says with these values of bash's own variables and these programs on the PATH. */
  const setUpWith = (variables: string) =>
    spawnSync('bash', ['--norc', '-c', `${variables}; root='${root}'; . "$root/scripts/setup.sh"; set_up`], {
      encoding: 'utf8',
      env: environment(),
    });

  it.each([
    ['32-bit programs on a 64-bit kernel', 'HOSTTYPE=armv7l', '32-bit'],
    ['another processor', 'HOSTTYPE=riscv64', 'riscv64'],
    ['musl', 'OSTYPE=linux-musl', 'musl'],
    ['another system', 'OSTYPE=darwin23', 'runs on Linux'],
  ])('%s', (_what, variables, told) => {
    const { status, stderr } = setUpWith(variables);
    expect({ status, told: stderr.includes(told) }, stderr).toEqual({ status: 69, told: true });
    expect(calls()).toEqual([]);
  });

  it.each([
    ['2.27', 69],
    ['2.28', 0],
    ['2.4', 69],
    ['2.41', 0],
    ['3.0', 0],
  ])('glibc %s ends with %i', (version, status) => {
    program('getconf', `echo "glibc ${version}"`);
    const result = setUpWith('true');
    expect(result.status, result.stderr).toBe(status);
    if (status !== 0) expect(result.stderr).toContain(`glibc ${version}`);
  });

  it.each([
    ['6.14.4', 69],
    ['7.0.0', 0],
    ['12.2.0', 0],
  ])('npm %s ends with %i', (version, status) => {
    const npm = readFileSync(join(bin, 'npm'), 'utf8').replaceAll('8.5.5', version);
    writeFileSync(join(bin, 'npm'), npm);
    expect(setUpWith('true').status).toBe(status);
  });

  it.each([
    [
      'libatomic',
      127,
      'node: error while loading shared libraries: libatomic.so.1: cannot open shared object file',
      'apt install libatomic1',
    ],
    [
      'libstdc++',
      127,
      'node: error while loading shared libraries: libstdc++.so.6: cannot open shared object file',
      'apt install libstdc++6',
    ],
    ['an old glibc', 1, "node: /lib/libc.so.6: version `GLIBC_2.28' not found (required by node)", 'GLIBC_2.28'],
    ['a missing loader', 127, 'no words', 'loader'],
    ['an old processor', 132, 'Illegal instruction', 'instruction'],
    ['a disk without exec', 126, 'Permission denied', 'noexec'],
    ['anything else', 9, 'the last words', 'exit status 9. the last words'],
  ])('says what Node.js lacks: %s', (_what, status, words, told) => {
    const broken = join(folder, 'broken node');
    writeFileSync(join(folder, 'words'), words);
    writeFileSync(broken, `#!/bin/sh\ncat '${join(folder, 'words')}' >&2\nexit ${status}\n`, { mode: 0o755 });
    program('npm', `case "$*" in *--version*) echo 8.5.5; exit ;; esac\nmkdir -p '${dirname(packaged())}'\ncp '${broken}' '${packaged()}'`);
    const result = setUpWith('true');
    expect({ status: result.status, told: result.stderr.includes(told) }, result.stderr).toEqual({ status: 69, told: true });
    // Nothing passes for installed.
    expect(setUpWith('true').status).toBe(69);
  });

  it.each(binaries)('an npm that leaves %s out', (name) => {
    program('npm', `echo 8.5.5\n${layNative}\nrm -r '${root}/node_modules/${name}'`);
    const { status, stderr } = setUpWith('true');
    expect(status).toBe(69);
    expect(stderr).toContain(`the package ${name}`);
    expect(setUpWith('true').status).toBe(69);
  });

  it('an npm that leaves the packaged Node.js out', () => {
    program('npm', 'echo 8.5.5');
    const { status, stderr } = setUpWith('true');
    expect(status).toBe(69);
    expect(stderr).toContain(`node-linux-${architecture.own}`);
  });
});
