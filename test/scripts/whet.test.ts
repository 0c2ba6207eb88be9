import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { architecture, type Clone, createClone } from './clone.ts';

let clone: Clone;
beforeEach(() => {
  clone = createClone();
});
afterEach(() => clone.remove());

function run(args: readonly string[] = [], path = clone.whet, cwd = clone.folder): SpawnSyncReturns<string> {
  return spawnSync(path, args, { encoding: 'utf8', cwd, env: clone.environment });
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
    expect(clone.calls()).toHaveLength(2);
    const second = run(['status']);
    expect(second).toMatchObject({ stdout: '["status"]', stderr: '', status: 3 });
    expect(clone.calls()).toHaveLength(2);
  });

  it('runs through a link and from any folder', () => {
    symlinkSync(clone.whet, join(clone.bin, 'a link'));
    expect(run(['x'], join(clone.bin, 'a link'), '/').stdout).toBe('["x"]');
    expect(spawnSync('bash', ['whet', 'y'], { encoding: 'utf8', cwd: join(clone.root, 'scripts'), env: clone.environment }).stdout).toBe(
      '["y"]',
    );
  });

  it('builds again when a source changed or went, installs again when the lock file changed', () => {
    run();
    touch(join(clone.root, 'agent', 'main.ts'), 5);
    run();
    expect(clone.calls().slice(2)).toEqual(['build']);
    for (const path of ['agent', 'agent/main.ts']) touch(join(clone.root, path), -5);
    rmSync(join(clone.root, 'agent', 'main.ts'));
    touch(join(clone.root, 'agent'), 5);
    run();
    expect(clone.calls().slice(3)).toEqual(['build']);
    touch(join(clone.root, 'agent'), -5);
    touch(join(clone.root, 'package-lock.json'), 5);
    run();
    expect(clone.calls()).toHaveLength(4);
    writeFileSync(join(clone.root, 'package-lock.json'), '{"changed":true}');
    touch(join(clone.root, 'package-lock.json'), 5);
    run();
    expect(clone.calls()[4]).toMatch(/^npm .* ci /);
  });

  it('sets up once when two first runs meet', async () => {
    const runs = [0, 1].map(
      () =>
        new Promise((resolve) => {
          spawn(clone.whet, ['x'], { env: clone.environment, stdio: 'ignore' }).on('exit', resolve);
        }),
    );
    expect(await Promise.all(runs)).toEqual([3, 3]);
    expect(clone.calls()).toHaveLength(2);
  });

  it('says how to get npm where there is none', () => {
    rmSync(join(clone.bin, 'npm'));
    for (const name of ['bash', 'readlink', 'find', 'cmp', 'flock', 'mktemp', 'getconf', 'tail', 'rm', 'cp', 'env']) {
      symlinkSync(spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim(), join(clone.bin, name));
    }
    const { status, stdout, stderr } = spawnSync(clone.whet, [], { encoding: 'utf8', env: { PATH: clone.bin } });
    expect({ status, stdout }).toEqual({ status: 69, stdout: '' });
    expect(stderr).toContain('apt install npm');
  });

  it('names the log when a stage fails, and begins again the next time', () => {
    clone.program('npm', 'case "$*" in *--version*) echo 8.5.5; exit ;; esac; echo "E404 no such package"; exit 1');
    const { status, stderr } = run();
    expect(status).toBe(75);
    expect(stderr).toContain('E404 no such package');
    const log = /The whole log is in (.+)$/m.exec(stderr)?.[1] ?? '';
    expect(readFileSync(log, 'utf8')).toContain('E404');
    expect(run().status).toBe(75);
  });

  it('reads no link that several packages share, and is not misled by one', () => {
    run();
    rmSync(join(clone.root, 'node_modules', '.bin'), { recursive: true, force: true });
    expect(run(['x'])).toMatchObject({ stdout: '["x"]', status: 3 });
    expect(clone.calls()).toHaveLength(2);
  });

  it('leaves out what this machine cannot run or never reads', () => {
    const modules = join(clone.root, 'node_modules');
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
    clone.program('npm', `echo 8.5.5\n${clone.layNative}\n${lay.join('\n')}`);
    expect(run(['x']).stderr).toContain('installing');
    expect(kept.filter((path) => !existsSync(join(modules, path)))).toEqual([]);
    expect(dropped.filter((path) => existsSync(join(modules, path)))).toEqual([]);
  });

  it('adds what tests need only when it is asked for, and keeps it from then on', () => {
    run();
    expect(clone.calls()[0]).toContain('--omit=dev');
    const dev = () =>
      spawnSync('bash', ['--norc', '-c', `root='${clone.root}'; . "$root/scripts/setup.sh"; set_up dev`], { env: clone.environment });
    expect(dev().status).toBe(0);
    expect(clone.calls().at(-1)).toContain('--include=dev');
    run();
    expect(clone.calls()).toHaveLength(3);
    writeFileSync(join(clone.root, 'package-lock.json'), '{"changed":true}');
    touch(join(clone.root, 'package-lock.json'), 5);
    run();
    expect(clone.calls().at(-1)).toContain('--include=dev');
  });

  it('installs where the home cannot be written', () => {
    const home = join(clone.folder, 'home');
    writeFileSync(home, 'a file, so that nothing can be made in it, by root neither');
    const { status } = spawnSync(clone.whet, ['x'], { env: { ...clone.environment, HOME: home } });
    expect(status).toBe(3);
    expect(clone.calls()[0]).toContain(`--cache ${clone.folder}/tmp.`);
  });

  it('gives the packaged Node.js to scripts', () => {
    const { stdout } = spawnSync(join(clone.root, 'scripts', 'node'), ['-p', 'process.argv.length + process.env.ORT_DISABLE_TELEMETRY'], {
      encoding: 'utf8',
      env: clone.environment,
    });
    expect(stdout).toBe('11\n');
  });
});
