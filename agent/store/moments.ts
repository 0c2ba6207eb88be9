// Which labelled samples are one observation, and which observations judge. A sample gets its moment once and keeps it, and a moment is set
// aside once and stays so: neither a new class, an earlier frame nor a forgotten sample moves what was decided.
import { createHash } from 'node:crypto';
import { countBits } from '../bits.ts';
import { plentifulMoments, setAsideOneIn } from '../config/setting-aside.ts';
import type { Database } from './database.ts';
import { idOfRow, rowOfId } from './sample-id.ts';
import { toFeatures } from './sample-rows.ts';

export interface MomentRules {
  /** Captures of a source within this time of one another that have the same label show one moment, beside what the source itself says. */
  burstMs(source: string): number;
  /** Sources whose captures are apart whatever their times are: files (which carry the time of a copy) and utterances. */
  readonly separate: readonly string[];
  /** Captures of one source and label that differ in at most this many of 64 bits of their hashes are one moment, however far apart in time. */
  readonly distance: number;
}

export interface Moments {
  /** Gives every labelled sample that has none its moment, and decides for classes with enough of them which judge. */
  assign(rules: MomentRules): void;
  /** These samples and all others of their moments. */
  companions(samples: readonly string[]): readonly string[];
}

/** Cosine of features, measured on photographs (`scripts/likeness-study.mjs`): under another label, another thing in the scene moves them further. */
const sameFeatures = 0.997;
/** Under one label hashes may be this many times as far apart where the features are near. */
const further = 2;
const nearFeatures = 0.99;

interface Waiting {
  readonly id: number;
  readonly source: string;
  readonly time_ms: number;
  readonly label: string;
  readonly hash: Uint8Array;
  readonly said: string | null;
}

/** The first sample of a moment, which others are compared with: a chain of small steps must not join everything. */
interface Leader {
  readonly moment: number;
  readonly high: number;
  readonly low: number;
  /** Label and sample of one of its members; null where all were forgotten or lost theirs. */
  readonly label: string | null;
  readonly sample: number | null;
}

export function createMoments(database: Database): Moments {
  function leadersOf(source: string): Leader[] {
    const sql = `SELECT moments.id AS moment, moments.hash AS hash, min(samples.id) AS sample, label FROM moments
      LEFT JOIN samples ON samples.moment = moments.id AND label IS NOT NULL WHERE moments.source = ? GROUP BY moments.id ORDER BY moments.id`;
    type Row = { readonly moment: number; readonly hash: Uint8Array; readonly sample: number | null; readonly label: string | null };
    return database.all<Row>(sql, source).map(({ moment, hash, sample, label }) => ({ moment, sample, label, ...wordsOf(hash) }));
  }

  /** The moment of a sample that the source says is the same observation; under another label something else was observed. */
  function asSaid({ source, said, label }: Waiting): number | undefined {
    if (said === null) return undefined;
    const sql = 'SELECT moment FROM samples WHERE source = ? AND said = ? AND label = ? AND moment IS NOT NULL ORDER BY id LIMIT 1';
    return database.get<{ readonly moment: number }>(sql, source, said, label)?.moment;
  }

  function inBurst({ source, time_ms, label }: Waiting, burstMs: number): number | undefined {
    const sql = `SELECT moment FROM samples WHERE source = ? AND moment IS NOT NULL AND label = ? AND time_ms BETWEEN ? AND ?
      ORDER BY abs(time_ms - ?), id LIMIT 1`;
    return database.get<{ readonly moment: number }>(sql, source, label, time_ms - burstMs, time_ms + burstMs, time_ms)?.moment;
  }

  const featuresOf = (sample: number) => {
    const row = database.get<{ readonly data: Uint8Array }>('SELECT data FROM features WHERE sample = ?', sample);
    return row === undefined ? null : toFeatures(row.data);
  };

  /** Something small may be new in a scene that looks the same: under another label the features must be the same too. */
  function isAlike(sample: Waiting, words: Words, leader: Leader, distance: number): boolean {
    const apart = countBits(words.high ^ leader.high) + countBits(words.low ^ leader.low);
    if (apart > further * distance) return false;
    const isOneLabel = leader.label === null || leader.label === sample.label;
    if (isOneLabel && apart <= distance) return true;
    if (leader.sample === null || (!isOneLabel && apart > distance)) return false;
    const [a, b] = [featuresOf(sample.id), featuresOf(leader.sample)];
    return a !== null && b !== null && a.length === b.length && cosine(a, b) >= (isOneLabel ? nearFeatures : sameFeatures);
  }

  function place(sample: Waiting, leaders: Leader[], rules: MomentRules): void {
    const words = wordsOf(sample.hash);
    const known =
      asSaid(sample) ??
      (rules.separate.includes(sample.source) ? undefined : inBurst(sample, rules.burstMs(sample.source))) ??
      leaders.find((leader) => isAlike(sample, words, leader, rules.distance))?.moment;
    const moment = known ?? begin(sample);
    if (known === undefined) leaders.push({ moment, label: sample.label, sample: sample.id, ...words });
    database.run('UPDATE samples SET moment = ? WHERE id = ?', moment, sample.id);
  }

  function begin({ source, hash }: Waiting): number {
    database.run('INSERT INTO moments (source, hash) VALUES (?, ?)', source, hash);
    return database.get<{ readonly id: number }>('SELECT max(id) AS id FROM moments')!.id;
  }

  /** Class by class; a moment with several labels is decided with the first class that is plentiful. */
  function decide(): void {
    const sql =
      'SELECT label, count(DISTINCT moment) AS n FROM samples WHERE label IS NOT NULL AND moment IS NOT NULL GROUP BY label ORDER BY label';
    for (const { label } of database.all<{ readonly label: string; readonly n: number }>(sql).filter(({ n }) => n >= plentifulMoments)) {
      const open = database.all<{ readonly id: number }>(
        'SELECT DISTINCT moments.id AS id FROM moments JOIN samples ON moment = moments.id WHERE label = ? AND judges IS NULL ORDER BY moments.id',
        label,
      );
      for (const { id } of open) database.run('UPDATE moments SET judges = ? WHERE id = ?', isSetAside(id) ? 1 : 0, id);
    }
  }

  return {
    assign: (rules) =>
      database.transaction(() => {
        const sql = 'SELECT id, source, time_ms, label, hash, said FROM samples WHERE label IS NOT NULL AND moment IS NULL ORDER BY id';
        for (const [source, samples] of Map.groupBy(database.all<Waiting>(sql), (sample) => sample.source)) {
          const leaders = leadersOf(source);
          for (const sample of samples) place(sample, leaders, rules);
        }
        decide();
      }),
    companions(samples) {
      const rows = samples.map(rowOfId).filter((row) => row !== null);
      const sql = `SELECT id FROM samples WHERE moment IN (SELECT moment FROM samples WHERE id IN (SELECT value FROM json_each(?)))`;
      const others = database.all<{ readonly id: number }>(sql, JSON.stringify(rows)).map(({ id }) => idOfRow(id));
      return [...new Set([...samples, ...others])];
    },
  };
}

/** Inside the transaction that deletes samples: nothing that was computed from them stays in their moments. */
export function forgetInMoments(database: Database): void {
  const members = 'SELECT 1 FROM samples WHERE moment = moments.id';
  database.run(`DELETE FROM moments WHERE NOT EXISTS (${members})`);
  database.run(`UPDATE moments SET hash = (SELECT samples.hash FROM samples WHERE moment = moments.id ORDER BY samples.id LIMIT 1)
    WHERE NOT EXISTS (${members} AND samples.hash = moments.hash)`);
}

function isSetAside(moment: number): boolean {
  return createHash('sha256').update(`moment ${moment}`).digest()[0]! % setAsideOneIn === 0;
}

interface Words {
  readonly high: number;
  readonly low: number;
}

function wordsOf(hash: Uint8Array): Words {
  const view = new DataView(hash.buffer, hash.byteOffset, hash.byteLength);
  return { high: view.getUint32(0), low: view.getUint32(4) };
}

export function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (const [at, x] of a.entries()) {
    const y = b[at]!;
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return dot / Math.sqrt(aa * bb);
}
