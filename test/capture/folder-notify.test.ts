// Watching folders one by one, on the real file system, up to a number and where the system has no more watches.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFolderSource, type FolderOptions } from '../../agent/capture/folder.ts';
import { createNotifier, type Notifier } from '../../agent/capture/folder-notify.ts';
import type { Source } from '../../agent/capture/source.ts';
import { createRecorder, type Recorder } from './recorder.ts';

let root = '';
let source: Source | null = null;
let notifier: Notifier | null = null;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'whet-notify-'));
});
afterEach(async () => {
  notifier?.close();
  await source?.stop();
  source = null;
  rmSync(root, { recursive: true, force: true });
});

const make = (...paths: readonly string[]) => {
  for (const path of paths) mkdirSync(join(root, path), { recursive: true });
};
const write = (path: string) => {
  make(join(path, '..'));
  writeFileSync(join(root, path), path);
};

function openNotifier(most: number) {
  const changes: string[] = [];
  const troubles: string[] = [];
  notifier = createNotifier({ root, most, onChange: (path) => changes.push(path), onTrouble: (reason) => troubles.push(reason) });
  return { notifier, changes, troubles };
}

/** Waits until the condition holds. */
async function until(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + 20_000; !condition() && performance.now() < end; ) await sleep(5);
  expect(condition()).toBe(true);
}

describe('folders that are watched', () => {
  it('say what changes in each of them, below the root; those that are let go say nothing', async () => {
    make('a/b', 'ab');
    const { notifier: open, changes } = openNotifier(10);
    for (const path of ['', 'a', 'a/b', 'ab']) open.watch(path);
    for (const path of ['x', 'a/b/y', 'ab/z']) write(path);
    await until(() => ['x', 'a/b/y', 'ab/z'].every((path) => changes.includes(path)));
    open.forget('a');
    expect(open.watched).toBe(2);
    open.keepOnly(new Set(['']));
    expect(open.watched).toBe(1);
    changes.length = 0;
    for (const path of ['a/b/u', 'ab/v', 'w']) write(path);
    await until(() => changes.includes('w'));
    expect(new Set(changes)).toEqual(new Set(['w']));
  });

  it('are as many as are allowed, said once until the next reading, and one that is gone is no trouble', () => {
    make('a', 'b', 'c');
    const { notifier: open, troubles } = openNotifier(2);
    for (const path of ['gone', '', 'a', 'b', 'c']) open.watch(path);
    expect([open.watched, troubles]).toEqual([2, ['it has more than 2 folders']]);
    open.forget('a');
    open.keepOnly(new Set(['']));
    open.watch('b');
    expect(open.watched).toBe(2);
  });
});

async function openSource(recorder: Recorder, options: Partial<FolderOptions> = {}): Promise<void> {
  const common = { name: 'inbox', path: root, captures: 'image', rescanMs: 60_000, settleMs: 40, isClass: () => true } as const;
  source = createFolderSource({ ...common, ...options });
  await source.start(recorder.context);
  // The first reading.
  await sleep(200);
}

describe('a folder that is read once a minute', () => {
  it('finds files in new folders, in folders of those, in renamed ones, and in one that was removed and made again', async () => {
    make('old/deep');
    const recorder = createRecorder();
    await openSource(recorder);
    write('old/deep/a.jpg');
    write('new/deeper/still/b.jpg');
    await recorder.until('both', () => recorder.captures.length === 2);
    write('new/deeper/still/c.jpg');
    renameSync(join(root, 'old'), join(root, 'renamed'));
    await recorder.until('what the renamed one holds', () => recorder.captures.length === 4);
    write('renamed/deep/d.jpg');
    rmSync(join(root, 'new'), { recursive: true });
    await sleep(100);
    write('new/e.jpg');
    await recorder.until('all', () => recorder.captures.length === 6);
    write('new/f.jpg');
    await recorder.until('the last', () => recorder.captures.length === 7);
    expect(recorder.warnings).toEqual([]);
  });

  it('finds by reading what it has no watch for, and says so once', async () => {
    make('a', 'b', 'c');
    const recorder = createRecorder();
    await openSource(recorder, { mostWatches: 1, rescanMs: 300 });
    for (const path of ['a/1.jpg', 'b/2.jpg', 'c/3.jpg', '4.jpg']) write(path);
    await recorder.until('all', () => recorder.captures.length === 4);
    await sleep(700);
    expect(recorder.warnings).toEqual([
      expect.stringMatching(/does not announce all changes.*read again every 0.3 s.*more than 1 folders/),
    ]);
    expect(source?.status()).toMatchObject({ state: 'running', lastError: null });
  });
});

const module = (path: string) => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));
/** A program of its own: `inbox` is a running source, `captures` and `warnings` what came of it. */
const program = (body: string, settings = '') => `
  const { createFolderSource } = await import(${module('../../agent/capture/folder.ts')});
  const { machineClock } = await import(${module('../../agent/clock.ts')});
  const fs = await import('node:fs');
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const [captures, warnings] = [[], []];
  const quiet = () => {};
  const log = { trace: quiet, debug: quiet, info: quiet, warn: (fields, text) => warnings.push(text + ' ' + fields.error), error: quiet, fatal: quiet };
  const inbox = createFolderSource({ name: 'inbox', path: process.argv[1], captures: 'image', rescanMs: 300, settleMs: 40, isClass: () => true, ${settings} });
  await inbox.start({ emit: async ({ origin }) => { captures.push(origin.split(':')[0]) }, seen: () => false, log, clock: machineClock });
  ${body}
  console.log(JSON.stringify({ captures, warnings, status: inbox.status() }));
  process.exit(0);`;
const run = (command: readonly string[]) => {
  const [file, ...args] = command as [string, ...string[]];
  return spawnSync(file, args, { encoding: 'utf8', timeout: 60_000 });
};

/** Two watches for all that runs in a user namespace of its own. */
const withFewWatches = ['unshare', '-Ur', 'sh', '-c', 'echo 2 > /proc/sys/user/max_inotify_watches && exec "$@"', 'sh'];
const mayLimit = run([...withFewWatches, 'true']).status === 0;

describe('a system', () => {
  it.skipIf(!mayLimit)('that has no more watches: what it does not announce is found by reading (needs user namespaces)', () => {
    make('a', 'b', 'c', 'd');
    const body = `
      await sleep(200);
      for (const name of ['a', 'b', 'c', 'd']) fs.writeFileSync(process.argv[1] + '/' + name + '/1.jpg', name);
      for (let turn = 0; turn < 2000 && captures.length < 4; turn += 1) await sleep(10);
      await sleep(500);`;
    const { stdout, stderr } = run([...withFewWatches, process.execPath, '--input-type=module', '-e', program(body), root]);
    expect(stderr).toBe('');
    const { captures, warnings, status } = JSON.parse(stdout);
    expect(captures.sort()).toEqual(['a/1.jpg', 'b/1.jpg', 'c/1.jpg', 'd/1.jpg']);
    expect(warnings).toEqual([expect.stringMatching(/read again every 0.3 s.*no more watches \(fs.inotify.max_user_watches\)/)]);
    expect(status).toMatchObject({ state: 'running', captures: 4 });
  });

  // A network share whose server is gone answers nothing; so does a runtime whose threads all wait for a pipe that nobody writes into.
  it('whose drive does not answer degrades the source, does not keep it from stopping, and is well again when it answers', () => {
    const pipe = join(root, '.pipe');
    expect(run(['mkfifo', pipe]).status).toBe(0);
    write('a.jpg');
    const body = `
      for (let turn = 0; turn < 1000 && captures.length < 1; turn += 1) await sleep(10);
      const waits = Array.from({ length: 4 }, () => fs.promises.open(${JSON.stringify(pipe)}, 'r'));
      for (let turn = 0; turn < 1000 && inbox.status().state !== 'degraded'; turn += 1) await sleep(10);
      const stuck = inbox.status();
      fs.openSync(${JSON.stringify(pipe)}, 'r+');
      await Promise.all(waits);
      for (let turn = 0; turn < 1000 && inbox.status().state === 'degraded'; turn += 1) await sleep(10);
      const well = inbox.status();
      const again = Array.from({ length: 4 }, () => new Promise(() => fs.open(${JSON.stringify(`${pipe}2`)}, 'r', () => {})));
      await sleep(600);
      const from = performance.now();
      await inbox.stop();
      console.log(JSON.stringify({ stuck, well, stopMs: performance.now() - from }));
      // Its exit would wait for them.
      process.kill(process.pid, 'SIGKILL');`;
    expect(run(['mkfifo', `${pipe}2`]).status).toBe(0);
    const { stdout, stderr } = run([process.execPath, '--input-type=module', '-e', program(body, 'stuckMs: 400'), root]);
    expect(stderr).toBe('');
    const { stuck, well, stopMs } = JSON.parse(stdout.split('\n')[0] ?? '');
    expect(stuck).toMatchObject({
      state: 'degraded',
      lastError: expect.stringMatching(/has not come to an end for \d+ s: does its drive/),
    });
    expect(well).toMatchObject({ state: 'running', lastError: null });
    expect(stopMs).toBeLessThan(6000);
  });
});
