import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { architecture, binaries, type Clone, createClone } from './clone.ts';

let clone: Clone;
beforeEach(() => {
  clone = createClone();
});
afterEach(() => clone.remove());

describe('a machine that cannot run it', () => {
  /** What setup says with these values of bash's own variables and these programs on the PATH. */
  const setUpWith = (variables: string) =>
    spawnSync('bash', ['--norc', '-c', `${variables}; root='${clone.root}'; . "$root/scripts/setup.sh"; set_up`], {
      encoding: 'utf8',
      env: clone.environment,
    });

  it.each([
    ['32-bit programs on a 64-bit kernel', 'HOSTTYPE=armv7l', '32-bit'],
    ['another processor', 'HOSTTYPE=riscv64', 'riscv64'],
    ['musl', 'OSTYPE=linux-musl', 'musl'],
    ['another system', 'OSTYPE=darwin23', 'runs on Linux'],
  ])('%s', (_what, variables, told) => {
    const { status, stderr } = setUpWith(variables);
    expect({ status, told: stderr.includes(told) }, stderr).toEqual({ status: 69, told: true });
    expect(clone.calls()).toEqual([]);
  });

  it.each([
    ['2.27', 69],
    ['2.28', 0],
    ['2.4', 69],
    ['2.41', 0],
    ['3.0', 0],
  ])('glibc %s ends with %i', (version, status) => {
    clone.program('getconf', `echo "glibc ${version}"`);
    const result = setUpWith('true');
    expect(result.status, result.stderr).toBe(status);
    if (status !== 0) expect(result.stderr).toContain(`glibc ${version}`);
  });

  it.each([
    ['6.14.4', 69],
    ['7.0.0', 0],
    ['12.2.0', 0],
  ])('npm %s ends with %i', (version, status) => {
    const npm = readFileSync(join(clone.bin, 'npm'), 'utf8').replaceAll('8.5.5', version);
    writeFileSync(join(clone.bin, 'npm'), npm);
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
    const broken = join(clone.folder, 'broken node');
    writeFileSync(join(clone.folder, 'words'), words);
    writeFileSync(broken, `#!/bin/sh\ncat '${join(clone.folder, 'words')}' >&2\nexit ${status}\n`, { mode: 0o755 });
    clone.program(
      'npm',
      `case "$*" in *--version*) echo 8.5.5; exit ;; esac\nmkdir -p '${dirname(clone.node)}'\ncp '${broken}' '${clone.node}'`,
    );
    const result = setUpWith('true');
    expect({ status: result.status, told: result.stderr.includes(told) }, result.stderr).toEqual({ status: 69, told: true });
    // Nothing passes for installed.
    expect(setUpWith('true').status).toBe(69);
  });

  it.each(binaries)('an npm that leaves %s out', (name) => {
    clone.program('npm', `echo 8.5.5\n${clone.layNative}\nrm -r '${clone.root}/node_modules/${name}'`);
    const { status, stderr } = setUpWith('true');
    expect(status).toBe(69);
    expect(stderr).toContain(`the package ${name}`);
    expect(setUpWith('true').status).toBe(69);
  });

  it('an npm that leaves the packaged Node.js out', () => {
    clone.program('npm', 'echo 8.5.5');
    const { status, stderr } = setUpWith('true');
    expect(status).toBe(69);
    expect(stderr).toContain(`node-linux-${architecture.own}`);
  });
});
