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
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const scripts = fileURLToPath(new URL('../../scripts/', import.meta.url));
let folder: string;
let root: string;
let bin: string;
const whet = () => join(root, 'scripts', 'whet');
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
  for (const name of ['whet', 'setup.sh']) cpSync(join(scripts, name), join(root, 'scripts', name));
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
    `echo "npm $*" >>'${join(folder, 'calls')}'
sleep 0.3
mkdir -p '${root}/node_modules/.bin' '${root}/node_modules/typescript'
ln -sf '${process.execPath}' '${root}/node_modules/.bin/node'
echo '{}' >'${root}/node_modules/typescript/package.json'
echo '{}' >'${root}/node_modules/.package-lock.json'`,
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
    for (const name of ['bash', 'readlink', 'find', 'cmp', 'flock', 'mktemp', 'uname', 'tail', 'rm', 'cp', 'env']) {
      symlinkSync(spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim(), join(bin, name));
    }
    const { status, stdout, stderr } = spawnSync(whet(), [], { encoding: 'utf8', env: { PATH: bin } });
    expect({ status, stdout }).toEqual({ status: 69, stdout: '' });
    expect(stderr).toContain('apt install npm');
  });

  it('names the log when a stage fails, and begins again the next time', () => {
    program('npm', 'echo "E404 no such package"; exit 1');
    const { status, stderr } = run();
    expect(status).toBe(75);
    expect(stderr).toContain('E404 no such package');
    const log = /The whole log is in (.+)$/m.exec(stderr)?.[1] ?? '';
    expect(readFileSync(log, 'utf8')).toContain('E404');
    expect(run().status).toBe(75);
  });

  it('says so where the packaged Node.js does not run', () => {
    program('npm', `mkdir -p '${root}/node_modules/.bin' '${root}/node_modules/typescript'`);
    const { status, stderr } = run();
    expect(status).toBe(69);
    expect(stderr).toContain('64-bit Linux');
  });
});
