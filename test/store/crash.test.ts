// kill -9 at random moments, on the real process: the store opens, is whole, has lost nothing that was acknowledged, and the current release
// verifies. The moments come from a seed.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createReleases } from '../../agent/release/releases.ts';
import { openDatabase } from '../../agent/store/database.ts';
import { migrations } from '../../agent/store/schema.ts';
import { openStore } from '../../agent/store/store.ts';
import { optionsWith, temporaryDirectory } from './fixtures.ts';

const writer = fileURLToPath(new URL('./crash-writer.ts', import.meta.url));
const lives = 10;
const seed = 20261101;

type Line = Readonly<Record<'did' | 'try' | 'id' | 'label' | 'origin' | 'text' | 'version', string>>;

/** Mulberry32, a small generator of numbers in [0, 1). */
function random(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs the writer until `afterMs` after it opened the store; the whole lines that it said. */
function runAndKill(directory: string, life: number, afterMs: number): Promise<readonly Line[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [writer, directory, String(life)], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [said, errors] = ['', ''];
    child.stderr.on('data', (part) => {
      errors += part;
    });
    child.stdout.on('data', (part) => {
      if (said === '') setTimeout(() => child.kill('SIGKILL'), afterMs);
      said += part;
    });
    child.on('error', reject);
    child.on('close', (status) => {
      if (status !== null) return reject(new Error(`the writer ended by itself (${status}): ${errors}`));
      const lines = said.slice(0, said.lastIndexOf('\n') + 1).split('\n');
      resolve(lines.filter((line) => line !== '').map((line) => JSON.parse(line)));
    });
  });
}

test('nothing that was acknowledged is lost, and what is current verifies', { timeout: 60_000 }, async () => {
  // What a killed process wrote is there whether it was flushed or not, so memory will do, and the writer comes further.
  const directory = temporaryDirectory(existsSync('/dev/shm') ? '/dev/shm' : undefined);
  const path = join(directory, 'store.db');
  const next = random(seed);
  const samples = new Map<string, { readonly origin: string; label: string | null }>();
  const forgotten = new Set<string>();
  const sent = new Set<string>();
  const commands = new Map<string, 'accepted' | 'finished'>();
  let current = 'base';
  let acknowledged = 0;

  for (let life = 0; life < lives; life += 1) {
    const lines = await runAndKill(directory, life, Math.floor(next() * next() * 500));
    acknowledged += lines.length;
    let attempted: string | null = null;
    for (const line of lines) {
      if (line.did === 'sample') samples.set(line.id, { origin: line.origin, label: null });
      if (line.did === 'label') samples.get(line.id)!.label = line.label;
      if (line.did === 'forget' && samples.delete(line.id)) forgotten.add(line.id);
      if (line.did === 'enqueue') sent.add(line.text);
      if (line.did === 'accept') commands.set(line.id, 'accepted');
      if (line.did === 'finish') commands.set(line.id, 'finished');
      if (line.did === 'current') current = line.version;
      if (line.did === 'current') attempted = null;
      if (line.try === 'current') attempted = line.version;
    }

    const { database, broken } = openDatabase(path, migrations, { check: 'always' });
    expect(broken).toBeNull();
    expect(database.all('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    expect(database.all('PRAGMA foreign_key_check')).toEqual([]);
    database.close();

    const store = openStore(path, optionsWith({ samples: { maxUnlabelled: 1e6, maxBytes: 1e9, maxRawBytes: 1e9 } }));
    for (const [id, { origin, label }] of samples) {
      const stored = store.samples.get(id);
      // The last one may have been forgotten already, without having said so.
      if (stored === null && id === [...samples.keys()].at(-1)) {
        samples.delete(id);
        continue;
      }
      expect(stored, `sample ${id} of life ${life}`).toMatchObject({ origin, hasRaw: true });
      if (label !== null) expect(stored?.label).toBe(label);
      expect(store.samples.raw(id)).toHaveLength(10_000);
      expect(store.origins.seen(origin)).toBe(true);
    }
    for (const id of forgotten) expect(store.samples.get(id)).toBeNull();
    const waiting = store.outbox.pending(1e6).map(({ payload }) => Buffer.from(payload).toString());
    const unfinished = store.commands.unfinished().map(({ id }) => id);
    for (const text of sent) expect(waiting).toContain(text);
    expect(new Set(waiting).size).toBe(waiting.length);
    for (const [id, state] of commands) {
      // Answered exactly once, or still to be answered.
      expect(waiting.includes(`result ${id}`)).toBe(!unfinished.includes(id));
      if (state === 'finished') expect(unfinished).not.toContain(id);
    }
    expect(store.outbox.counters).toMatchObject({ droppedByAge: 0, droppedByBytes: 0 });
    store.close();

    const releases = createReleases(join(directory, 'releases'), { now: () => Date.now() });
    const found = await releases.current();
    if (found !== 'base') await releases.verify(found);
    if (attempted === null) expect(found).toBe(current);
    else if (attempted !== 'any') expect([current, attempted]).toContain(found);
    const started = await releases.start();
    if (attempted === null) expect(started).toMatchObject({ current, rolledBack: null });
    current = started.current;
    const { releases: listed, broken: damaged } = await releases.list();
    expect(damaged).toEqual([]);
    for (const { version } of listed) await releases.verify(version);
  }
  // The test means something only where the writer came far enough to be hit in all its parts.
  console.log(`${lives} kills, ${acknowledged} acknowledgements, ${samples.size} samples, ${sent.size} messages, current ${current}`);
  expect(samples.size).toBeGreaterThan(lives);
  expect(current).not.toBe('base');
});
