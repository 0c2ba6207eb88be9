// What learners read: feature vectors with their labels, always in the order of arrival, so that training again gives the same bits.
// Works on a read-only database too. Wrap several reads in `snapshot` where they must be of one moment.
import type { Database } from './database.ts';
import { idOfRow, rowOfId } from './sample-id.ts';
import { toFeatures, toHash } from './sample-rows.ts';

export interface FeatureRow {
  readonly id: string;
  readonly source: string;
  readonly timeMs: number;
  readonly features: Float32Array;
  /** 64-bit perceptual hash. */
  readonly hash: bigint;
  /** Number of its moment, null where it was given none yet, and whether that was set aside for judging. */
  readonly moment: number | null;
  readonly judges: boolean;
}

export interface LabelledRow extends FeatureRow {
  readonly label: string;
}

export interface StoredFeatures {
  labelled(backbone: string): Iterable<LabelledRow>;
  /** The newest `limit` unlabelled samples, oldest of them first. */
  unlabelled(backbone: string, limit: number): Iterable<FeatureRow>;
  /** Labelled samples with what they might have been: each view as long as the features. */
  views(backbone: string): Iterable<{ readonly id: string; readonly views: readonly Float32Array[] }>;
  /** The capture itself, for augmentation; null where it was not kept. */
  raw(id: string): Uint8Array | null;
}

interface Row {
  readonly id: number;
  readonly source: string;
  readonly time_ms: number;
  readonly label: string | null;
  readonly data: Uint8Array;
  readonly hash: Uint8Array;
  readonly moment: number | null;
  readonly judges: number | null;
}

interface ViewRow {
  readonly id: number;
  readonly data: Uint8Array;
  readonly width: number;
}

/** Rows in memory at once, beside what the caller keeps. */
const batch = 64;

export function createFeatures(database: Database): StoredFeatures {
  const select = (labelled: 'NOT NULL' | 'NULL') => `
    SELECT samples.id, samples.source, time_ms, label, samples.hash, data, moment, judges FROM samples JOIN features ON sample = samples.id
    LEFT JOIN moments ON moments.id = moment
    WHERE samples.id > ? AND label IS ${labelled} AND backbone = (SELECT id FROM backbones WHERE sha256 = ?) ORDER BY samples.id LIMIT ${batch}`;

  function* rows(sql: string, backbone: string, after: number): Generator<Row> {
    for (let last = after; ; ) {
      const found = database.all<Row>(sql, last, backbone);
      yield* found;
      if (found.length < batch) return;
      last = found.at(-1)!.id;
    }
  }

  function* viewRows(backbone: string): Generator<ViewRow> {
    const sql = `
    SELECT views.sample AS id, views.data AS data, length(features.data) / 4 AS width FROM views JOIN samples ON samples.id = views.sample
    JOIN features ON features.sample = views.sample WHERE views.sample > ? AND label IS NOT NULL
    AND backbone = (SELECT id FROM backbones WHERE sha256 = ?) ORDER BY views.sample LIMIT ${batch}`;
    for (let last = -1; ; ) {
      const found = database.all<ViewRow>(sql, last, backbone);
      yield* found;
      if (found.length < batch) return;
      last = found.at(-1)!.id;
    }
  }

  return {
    *labelled(backbone) {
      for (const row of rows(select('NOT NULL'), backbone, -1)) yield { ...toRow(row), label: row.label! };
    },
    *unlabelled(backbone, limit) {
      const sql = `SELECT id FROM samples WHERE label IS NULL AND backbone = (SELECT id FROM backbones WHERE sha256 = ?)
        ORDER BY id DESC LIMIT 1 OFFSET ?`;
      const before = database.get<{ readonly id: number }>(sql, backbone, limit);
      for (const row of rows(select('NULL'), backbone, before?.id ?? -1)) yield toRow(row);
    },
    *views(backbone) {
      for (const { id, data, width } of viewRows(backbone)) {
        const all = toFeatures(data);
        const count = width === 0 ? 0 : all.length / width;
        yield { id: idOfRow(id), views: Array.from({ length: count }, (_, index) => all.subarray(index * width, (index + 1) * width)) };
      }
    },
    raw: (id) => database.get<{ readonly raw: Uint8Array | null }>('SELECT raw FROM media WHERE sample = ?', rowOfId(id))?.raw ?? null,
  };
}

function toRow(row: Row): FeatureRow {
  const { source, moment } = row;
  const [features, hash] = [toFeatures(row.data), toHash(row.hash)];
  return { id: idOfRow(row.id), source, timeMs: row.time_ms, features, hash, moment, judges: row.judges === 1 };
}
