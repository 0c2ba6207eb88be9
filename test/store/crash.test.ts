// kill -9 on the real process, at the durable steps themselves (test/hold.ts) and somewhere after a number of acknowledgements: the store
// opens, is whole, has lost nothing that was acknowledged, and the current release verifies. The numbers come from a seed.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { machineClock } from '../../agent/clock.ts';
import { randomOf } from '../../agent/random.ts';
import { createReleases } from '../../agent/release/releases.ts';
import { openDatabase } from '../../agent/store/database.ts';
import { migrations } from '../../agent/store/schema.ts';
import { openStore } from '../../agent/store/store.ts';
import { createHold, type Hold, type Step } from '../hold.ts';
import { optionsWith, temporaryDirectory } from './fixtures.ts';

const writer = fileURLToPath(new URL('./crash-writer.ts', import.meta.url));
const seed = 20261101;

/** Held at the last of these steps, or ended while it goes on, wherever it is by then. */
type End = { readonly kind: 'held'; readonly steps: readonly Step[] } | { readonly kind: 'running'; readonly acknowledgements: number };

const held = (match: string, times: number): End => ({ kind: 'held', steps: [{ match, times }] });
const version = String.raw`\d{6}-[0-9a-f]{8}`;

/** `number` gives how often a step must come, at least once and at most so often. */
function ends(number: (most: number) => number): readonly End[] {
  const running = () => ({ kind: 'running', acknowledgements: 10 + number(60) }) as const;
  return [
    ...[running(), held('before COMMIT', number(20)), held('after COMMIT', number(20)), held('after (INSERT|UPDATE|DELETE)', number(40))],
    ...[running(), held('before rename', number(12)), held('after rename', number(12)), held(`before rename .*/${version}$`, number(3))],
    ...[
      running(),
      held(`after rename .*/${version}$`, number(3)),
      held('before rename .*/current$', 2),
      held('after rename .*/current$', 2),
    ],
    ...[
      running(),
      held('after symlink', number(3)),
      held(String.raw`after rename .*/ledger\.json$`, number(6)),
      held('before rm ', 1),
      running(),
    ],
  ];
}

type Line = Readonly<Record<'did' | 'try' | 'id' | 'label' | 'origin' | 'text' | 'version', string>>;

/** Runs the writer until its end; the whole lines that it said. */
function runAndKill(directory: string, life: number, end: End, hold: Hold): Promise<readonly Line[]> {
  hold.clear();
  if (end.kind === 'held') hold.at(...end.steps);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [writer, directory, String(life)], { env: hold.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [said, errors] = ['', ''];
    const lines = () =>
      said
        .slice(0, said.lastIndexOf('\n') + 1)
        .split('\n')
        .filter((line) => line !== '');
    child.stderr.on('data', (part) => {
      errors += part;
    });
    child.stdout.on('data', (part) => {
      said += part;
      if (end.kind === 'running' && lines().length >= end.acknowledgements) child.kill('SIGKILL');
    });
    child.on('error', reject);
    const gone = new Promise<void>((over) =>
      child.on('close', (status) => {
        if (status !== null) return reject(new Error(`the writer ended by itself (${status}): ${errors}`));
        resolve(lines().map((line) => JSON.parse(line)));
        over();
      }),
    );
    if (end.kind === 'held')
      hold
        .held(gone)
        .then(({ pid }) => expect(pid).toBe(child.pid))
        .then(() => child.kill('SIGKILL'))
        .catch(reject);
  });
}

test('nothing that was acknowledged is lost, and what is current verifies', { timeout: 900_000 }, async () => {
  // What a killed process wrote is there whether it was flushed or not, so memory will do, and the writer comes further.
  const directory = temporaryDirectory(existsSync('/dev/shm') ? '/dev/shm' : undefined);
  const path = join(directory, 'store.db');
  const hold = createHold(temporaryDirectory());
  const next = randomOf(seed);
  const samples = new Map<string, { readonly origin: string; label: string | null }>();
  const forgotten = new Set<string>();
  const sent = new Set<string>();
  const commands = new Map<string, 'accepted' | 'finished'>();
  let current = 'base';
  let acknowledged = 0;

  const lives = ends((most) => 1 + Math.floor(next() * most));
  for (const [life, end] of lives.entries()) {
    const lines = await runAndKill(directory, life, end, hold);
    if (end.kind === 'running') expect(lines.length).toBeGreaterThanOrEqual(end.acknowledgements);
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

    const releases = createReleases(join(directory, 'releases'), machineClock);
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
  console.log(
    `${lives.length} kills, ${acknowledged} acknowledgements, ${samples.size} samples, ${sent.size} messages, current ${current}`,
  );
  expect(samples.size).toBeGreaterThan(lives.length);
  expect(current).not.toBe('base');
});
