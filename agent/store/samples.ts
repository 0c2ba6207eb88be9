// Samples go in one transaction each: durable when `add` returns, room made first. Gives them back by id, newest first, or as the hashes
// that near-duplicates are found by. Refuses a sample where labelled ones alone fill the store.
import { requireClassName } from '../config/class-name.ts';
import type { Clock } from '../types.ts';
import type { Database } from './database.ts';
import type { Origins } from './origins.ts';
import { idOfRow, nextRow, rowOfId } from './sample-id.ts';
import {
  featureBytes,
  hashBytes,
  type NewSample,
  type Sample,
  type SampleRow,
  sampleColumns,
  scoresText,
  toSample,
} from './sample-rows.ts';
import { rowBytes, type Shelf } from './shelf.ts';
import { dropViews } from './views.ts';

export type Added =
  | { readonly kind: 'added'; readonly id: string; readonly evicted: number }
  | { readonly kind: 'full'; readonly reason: string };

export interface Reembedded {
  readonly backbone: string;
  readonly features: Float32Array;
  readonly scores: NewSample['scores'];
  readonly release: string;
  readonly hash: bigint;
}

export interface Samples {
  /** Why no labelled sample with so many raw bytes fits any more; null where one may. */
  fullFor(rawBytes: number): string | null;
  add(sample: NewSample): Added;
  get(id: string): Sample | null;
  /** Newest first; `beforeId` continues a list. */
  list(limit: number, beforeId?: string): readonly Sample[];
  raw(id: string): Uint8Array | null;
  thumbnail(id: string): Uint8Array | null;
  /** Samples with raw bytes and features of another backbone; labelled ones first. */
  toReembed(backbone: string): readonly string[];
  /** Replaces the features of a sample; false where it is gone. */
  reembed(id: string, by: Reembedded): boolean;
  /** Since the store was opened: unlabelled samples that made room, and adds refused as full. */
  readonly counters: { readonly evicted: number; readonly full: number };
}

export function createSamples(database: Database, shelf: Shelf, origins: Origins, clock: Clock): Samples {
  const counters = { evicted: 0, full: 0 };

  function insert(sample: NewSample): number {
    const last = database.get<{ readonly last: number | null }>('SELECT max(id) AS last FROM samples')?.last ?? 0;
    const row = nextRow(clock.now(), last);
    const { bytes, rawBytes } = parcelOf(sample);
    database.run(
      'INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)',
      row,
      sample.source,
      Math.round(sample.timeMs),
      backboneRow(database, sample.backbone),
      sample.release,
      hashBytes(sample.hash),
      bytes,
      rawBytes,
      sample.label ?? null,
      scoresText(sample.scores),
      sample.origin ?? null,
    );
    database.run('INSERT INTO features VALUES (?, ?)', row, featureBytes(sample.features));
    if (sample.raw !== undefined || sample.thumbnail !== undefined) {
      database.run('INSERT INTO media VALUES (?, ?, ?)', row, sample.thumbnail ?? null, sample.raw ?? null);
    }
    if (sample.label !== undefined) {
      database.run(
        "INSERT INTO labels (sample, label, given_by, at_ms) VALUES (?, ?, 'folder', ?)",
        row,
        sample.label,
        Math.round(sample.timeMs),
      );
    }
    return row;
  }

  const media = (id: string, column: 'raw' | 'thumbnail'): Uint8Array | null => {
    return (
      database.get<{ readonly data: Uint8Array | null }>(`SELECT ${column} AS data FROM media WHERE sample = ?`, rowOfId(id))?.data ?? null
    );
  };

  return {
    fullFor(rawBytes) {
      const isFull = shelf.sums.labelledBytes + rawBytes > shelf.limits.maxBytes;
      return isFull ? fullReason(shelf, rawBytes) : null;
    },
    add(sample) {
      if (sample.label !== undefined) requireClassName(sample.label);
      const added = database.transaction((): Added => {
        const parcel = parcelOf(sample);
        const evicted = shelf.place(parcel);
        if (evicted === null) return { kind: 'full', reason: fullReason(shelf, parcel.bytes) };
        const row = insert(sample);
        shelf.taken(parcel);
        if (sample.origin !== undefined) origins.remember(sample.origin);
        return { kind: 'added', id: idOfRow(row), evicted };
      });
      if (added.kind === 'full') counters.full += 1;
      else counters.evicted += added.evicted;
      return added;
    },
    get(id) {
      const row = database.get<SampleRow>(`SELECT ${sampleColumns} FROM samples WHERE id = ?`, rowOfId(id));
      return row === undefined ? null : toSample(row);
    },
    list(limit, beforeId) {
      const before = beforeId === undefined ? Number.MAX_SAFE_INTEGER : (rowOfId(beforeId) ?? 0);
      const sql = `SELECT ${sampleColumns} FROM samples WHERE id < ? ORDER BY id DESC LIMIT ?`;
      return database.all<SampleRow>(sql, before, limit).map(toSample);
    },
    raw: (id) => media(id, 'raw'),
    thumbnail: (id) => media(id, 'thumbnail'),
    toReembed(backbone) {
      const sql = `SELECT id FROM samples WHERE backbone IN (SELECT id FROM backbones WHERE sha256 <> ?) AND raw_bytes > 0
        ORDER BY label IS NULL, id`;
      return database.all<{ readonly id: number }>(sql, backbone).map(({ id }) => idOfRow(id));
    },
    reembed(id, by) {
      return database.transaction(() => {
        const row = rowOfId(id);
        const old = database.get<{ readonly length: number; readonly labelled: number }>(
          `SELECT length(data) AS length, label IS NOT NULL AS labelled FROM features JOIN samples ON samples.id = sample WHERE sample = ?`,
          row,
        );
        if (old === undefined || row === null) return false;
        dropViews(database, shelf, row, old.labelled === 1);
        const growth = by.features.byteLength - old.length;
        database.run(
          'UPDATE samples SET backbone = ?, release = ?, hash = ?, scores = ?, bytes = bytes + ? WHERE id = ?',
          backboneRow(database, by.backbone),
          by.release,
          hashBytes(by.hash),
          scoresText(by.scores),
          growth,
          row,
        );
        database.run('UPDATE features SET data = ? WHERE sample = ?', featureBytes(by.features), row);
        shelf.grown(growth, old.labelled === 1);
        return true;
      });
    },
    counters,
  };
}

function parcelOf(sample: NewSample): { readonly bytes: number; readonly rawBytes: number; readonly labelled: boolean } {
  const rawBytes = sample.raw?.byteLength ?? 0;
  const bytes = rowBytes + sample.features.byteLength + rawBytes + (sample.thumbnail?.byteLength ?? 0);
  return { bytes, rawBytes, labelled: sample.label !== undefined };
}

function fullReason(shelf: Shelf, bytes: number): string {
  const { labelled, labelledBytes } = shelf.sums;
  return `${labelled} labelled samples take ${labelledBytes} of ${shelf.limits.maxBytes} bytes, and the new one needs ${bytes}: raise the limit or forget some`;
}

/** Samples name their backbone by a small number. */
function backboneRow(database: Database, sha256: string): number {
  const find = () => database.get<{ readonly id: number }>('SELECT id FROM backbones WHERE sha256 = ?', sha256)?.id;
  const known = find();
  if (known !== undefined) return known;
  database.run('INSERT INTO backbones (sha256) VALUES (?)', sha256);
  return find()!;
}
