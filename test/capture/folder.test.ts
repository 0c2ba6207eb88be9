import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFolderSource, type FolderOptions } from '../../agent/capture/folder.ts';
import type { Source } from '../../agent/capture/source.ts';
import { photograph } from '../images.ts';
import { createRecorder, type Recorder } from './recorder.ts';

const isRoot = process.getuid?.() === 0;
let root = '';
let picture: Buffer;
let sources: Source[] = [];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'whet-folder-'));
  picture = await photograph('disc', 1);
});
afterEach(async () => {
  await Promise.all(sources.map((source) => source.stop()));
  sources = [];
  rmSync(root, { recursive: true, force: true });
});

async function open(recorder: Recorder, options: Partial<FolderOptions> = {}): Promise<Source> {
  const source = createFolderSource({
    name: 'inbox',
    path: root,
    captures: 'image',
    rescanMs: 200,
    settleMs: 40,
    isClass: (name) => ['cat', 'dog'].includes(name),
    ...options,
  });
  sources.push(source);
  await source.start(recorder.context);
  return source;
}

function write(path: string, bytes: Uint8Array = picture, mtimeSeconds?: number): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), bytes);
  if (mtimeSeconds !== undefined) utimesSync(join(root, path), mtimeSeconds, mtimeSeconds);
}

const origins = (recorder: Recorder) => recorder.captures.map(({ origin }) => origin!.split(':')[0]).sort();

describe('a watched folder', () => {
  test('below a class everything is the class, and a class of the model is one wherever it stands', async () => {
    write('cat/dog/a.jpg', picture, 1000);
    write('2026/cat/monday/b.jpg', picture, 2000);
    write('fox/monday/c.jpg', picture, 3000);
    const recorder = createRecorder();
    await open(recorder, { isClass: () => true, isKnown: (name) => ['cat', 'dog'].includes(name) });
    await recorder.until('all', () => recorder.captures.length === 3);
    expect(recorder.captures.map(({ label }) => label)).toEqual(['cat', 'cat', 'fox']);
  });

  test('names of another encoding are taken too, under the name that people read', async () => {
    const path = (name: string) => Buffer.from(join(root, name), 'latin1');
    mkdirSync(path('gr\xfcn'));
    writeFileSync(path('gr\xfcn/\xe4.jpg'), picture);
    const recorder = createRecorder();
    const source = await open(recorder, { isClass: (name) => name === 'grün' });
    await recorder.until('the file', () => recorder.captures.length === 1);
    expect(recorder.captures[0]!.label).toBe('grün');
    await recorder.until('another reading', () => source.status().captures === 1);
  });

  test('takes what is there and what comes, with the class folder as label, oldest first', async () => {
    write('2026/cat/b.jpg', picture, 2000);
    write('cat/day one/a.JPG', picture, 1000);
    write('elsewhere/c.png', picture, 3000);
    const recorder = createRecorder();
    const source = await open(recorder);
    await recorder.until('the three that are there', () => recorder.captures.length === 3);
    expect(recorder.captures.map(({ label, timeMs }) => [label, timeMs])).toEqual([
      ['cat', 1_000_000],
      ['cat', 2_000_000],
      [undefined, 3_000_000],
    ]);
    expect(recorder.captures[0]).toMatchObject({ source: 'inbox', kind: 'image', origin: `cat/day one/a.JPG:${picture.length}:1000000` });
    expect(Buffer.from(recorder.captures[0]!.bytes).equals(picture)).toBe(true);
    write('dog/new folder/d.jpg');
    await recorder.until('the new one', () => recorder.captures.length === 4);
    expect(recorder.captures[3]!.label).toBe('dog');
    expect(source.status()).toMatchObject({ state: 'running', captures: 4, dropped: 0, lastError: null });
  });

  test('a new file comes by notification, long before the next reading', async () => {
    const recorder = createRecorder();
    await open(recorder, { rescanMs: 60_000 });
    await sleep(150);
    write('now.jpg');
    await recorder.until('the file', () => recorder.captures.length === 1);
  });

  test('a file that is still being written is left until it is whole', async () => {
    const recorder = createRecorder();
    // Many times as long as the writer pauses, so that no stall of this machine looks like the end of the file.
    await open(recorder, { settleMs: 1000 });
    const path = join(root, 'slow.jpg');
    for (let at = 0; at < picture.length; at += Math.ceil(picture.length / 8)) {
      appendFileSync(path, picture.subarray(at, at + Math.ceil(picture.length / 8)));
      await sleep(25);
    }
    await recorder.until('the file', () => recorder.captures.length === 1);
    expect(Buffer.from(recorder.captures[0]!.bytes).equals(picture)).toBe(true);
    await sleep(300);
    expect(recorder.captures).toHaveLength(1);
  });

  test('each file is taken once; changed content is new; what was seen before a restart is not taken again', async () => {
    write('a.jpg');
    const seen = new Set<string>();
    const recorder = createRecorder({ seen: (origin) => seen.has(origin) });
    const first = await open(recorder);
    await recorder.until('the file', () => recorder.captures.length === 1);
    await sleep(500);
    expect(recorder.captures).toHaveLength(1);
    write('a.jpg', await photograph('ring', 5));
    await recorder.until('the new content', () => recorder.captures.length === 2);
    await first.stop();
    for (const { origin } of recorder.captures) seen.add(origin!);
    await open(recorder);
    write('b.jpg');
    await recorder.until('the other file', () => recorder.captures.length === 3);
    expect(origins(recorder)).toEqual(['a.jpg', 'a.jpg', 'b.jpg']);
  });

  test('hidden, temporary and foreign names are left alone; the latter are said once a kind', async () => {
    for (const name of [
      '.hidden.jpg',
      'half.jpg.part',
      'x.jpg~',
      '.git/a.jpg',
      '@eaDir/a.jpg',
      'Thumbs.db',
      'a.heic',
      'b.heic',
      'film.mp4',
    ])
      write(name);
    write('moved.tmp');
    const recorder = createRecorder();
    await open(recorder);
    const foreign = () => recorder.warnings.filter((text) => text.includes('of this kind')).length;
    await recorder.until('both kinds to be said', () => foreign() === 2);
    renameSync(join(root, 'moved.tmp'), join(root, 'moved.jpg'));
    await recorder.until('the renamed file', () => recorder.captures.length > 0);
    await sleep(300);
    expect(origins(recorder)).toEqual(['moved.jpg']);
    expect(foreign()).toBe(2);
  });

  test('symbolic links are not followed, neither files nor folders', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'whet-outside-'));
    writeFileSync(join(outside, 'secret.jpg'), picture);
    symlinkSync(join(outside, 'secret.jpg'), join(root, 'link.jpg'));
    symlinkSync(outside, join(root, 'cat'));
    symlinkSync(root, join(root, 'loop'));
    const recorder = createRecorder();
    await open(recorder);
    await sleep(100);
    // A change behind the link, which a notification may name.
    writeFileSync(join(outside, 'later.jpg'), picture);
    write('own.jpg');
    await recorder.until('the own file', () => recorder.captures.length > 0);
    await sleep(400);
    expect(origins(recorder)).toEqual(['own.jpg']);
    rmSync(outside, { recursive: true });
  });

  test('a file over the size limit is refused once, without being read', async () => {
    write('huge.jpg');
    truncateSync(join(root, 'huge.jpg'), 3 * 1024 ** 3);
    const recorder = createRecorder();
    const source = await open(recorder);
    await recorder.until('the refusal', () => source.status().dropped === 1);
    expect(source.status().lastError).toBe('huge.jpg: 3072 MB, over the limit of 64 MB a file');
    await sleep(500);
    expect(recorder.warnings).toHaveLength(1);
    expect(source.status()).toMatchObject({ state: 'running', dropped: 1 });
  });

  test.skipIf(isRoot)('a file that may not be read is said once (not as root)', async () => {
    write('locked.jpg');
    chmodSync(join(root, 'locked.jpg'), 0);
    const recorder = createRecorder();
    const source = await open(recorder);
    await recorder.until('the refusal', () => source.status().dropped === 1);
    await sleep(500);
    expect(recorder.warnings).toHaveLength(1);
  });

  test('a folder that is away degrades the source; when it comes back so do its files, and none twice', async () => {
    write('a.jpg', picture, 1000);
    const recorder = createRecorder();
    const source = await open(recorder);
    await recorder.until('the file', () => recorder.captures.length === 1);
    renameSync(root, `${root}-away`);
    await recorder.until('the loss', () => source.status().state === 'degraded');
    expect(source.status().lastError).toContain('the folder cannot be read');
    renameSync(`${root}-away`, root);
    write('b.jpg');
    await recorder.until('the new file', () => recorder.captures.length === 2);
    expect(source.status()).toMatchObject({ state: 'running', lastError: null });
    expect(origins(recorder)).toEqual(['a.jpg', 'b.jpg']);
    expect(recorder.warnings).toHaveLength(1);
  });

  test('a folder that is not there at start is waited for', async () => {
    const recorder = createRecorder();
    const source = await open(recorder, { path: join(root, 'later') });
    await recorder.until('the trouble', () => source.status().state === 'degraded');
    write('later/cat/a.jpg');
    await recorder.until('the file', () => recorder.captures.length === 1);
    expect(recorder.captures[0]!.label).toBe('cat');
  });

  test('what could not be taken is offered again; at most three are under way at once', async () => {
    write('a.jpg');
    write('b.jpg');
    write('c.jpg');
    write('d.jpg');
    let busy = 0;
    let most = 0;
    let refusals = 0;
    const three = Promise.withResolvers<void>();
    const recorder = createRecorder({
      async emit() {
        busy += 1;
        most = Math.max(most, busy);
        if (busy === 3) three.resolve();
        await three.promise;
        // A fourth would come now.
        await sleep(20);
        busy -= 1;
        refusals += 1;
        if (refusals <= 2) throw new Error('the worker is away');
      },
    });
    const source = await open(recorder);
    await recorder.until('all', () => recorder.captures.length === 4);
    expect(origins(recorder)).toEqual(['a.jpg', 'b.jpg', 'c.jpg', 'd.jpg']);
    expect(most).toBe(3);
    expect(source.status().lastError).toBe(null);
  });

  test('stopping does not wait for a collect loop that hangs; start and stop come in any order', async () => {
    write('a.jpg');
    let hangs = false;
    const recorder = createRecorder({
      emit: () =>
        new Promise(() => {
          hangs = true;
        }),
    });
    const source = await open(recorder);
    await recorder.until('the loop to hang', () => hangs);
    await Promise.all([source.stop(), source.stop()]);
    await source.stop();
    expect(source.status()).toMatchObject({ state: 'stopped', captures: 0 });
    const other = createRecorder();
    await source.start(other.context);
    await source.start(other.context);
    await other.until('the file', () => other.captures.length === 1);
  });
});

describe('a watched folder of recordings', () => {
  test('takes recordings and leaves pictures alone, saying once what it reads', async () => {
    const recorder = createRecorder();
    write('cat/miaow.wav');
    write('purr.FLAC');
    write('photo.jpg');
    await open(recorder, { captures: 'audio' });
    await recorder.until('both', () => recorder.captures.length === 2);
    expect(origins(recorder)).toEqual(['cat/miaow.wav', 'purr.FLAC']);
    expect(recorder.captures.map(({ kind }) => kind)).toEqual(['audio', 'audio']);
    expect(recorder.captures.find(({ label }) => label === 'cat')?.origin).toContain('miaow');
    expect(recorder.warnings).toEqual([expect.stringContaining('WAV is, and where ffmpeg is installed')]);
  });
});
