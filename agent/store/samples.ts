// Samples with a label or a file behind them go in one transaction each: durable when `add` returns, room made first. Others may wait for one
// another (`unasked.ts`). Gives them back by id or newest first. Refuses a sample where labelled ones alone fill the store.
import { requireClassName } from '../config/class-name.ts';
import { isDiskFull } from '../errors.ts';
import type { Clock } from '../types.ts';
import type { Database } from './database.ts';
import type { Origins } from './origins.ts';
import { idOfRow, nextRow, rowOfId } from './sample-id.ts';
import { createLookup, type SampleLookup } from './sample-lookup.ts';
import {
  answerText,
  featureBytes,
  hashBytes,
  type NewSample,
  type Sample,
  type SampleRow,
  sampleColumns,
  toSample,
} from './sample-rows.ts';
import { rowBytes, type Shelf } from './shelf.ts';
import type { Unasked } from './unasked.ts';
import { dropViews } from './views.ts';

export type Added =
  | { readonly kind: 'added'; readonly id: string; readonly evicted: number }
  | { readonly kind: 'full'; readonly reason: string };

export interface Reembedded {
  readonly backbone: string;
  readonly features: Float32Array;
  readonly answer: NewSample['answer'];
  readonly release: string;
  readonly hash: bigint;
}

export interface Samples extends SampleLookup {
  /** Why no labelled sample with so many raw bytes fits any more; null where one may. */
  fullFor(rawBytes: number): string | null;
  add(sample: NewSample): Added;
  /** Writes what waits. Nothing is lost where that fails: the next `add` tries again and says why. */
  settle(): void;
  /** Writes the raw bytes of a sample that are only in memory: somebody asks about it, or has said what it shows. */
  keepRaw(row: number): void;
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

export function createSamples(database: Database, shelf: Shelf, origins: Origins, unasked: Unasked | null, clock: Clock): Samples {
  const counters = { evicted: 0, full: 0 };

  function freeRow(): number {
    const last = database.get<{ readonly last: number | null }>('SELECT max(id) AS last FROM samples')?.last ?? 0;
    return nextRow(clock.now(), Math.max(last, unasked?.lastRow ?? 0));
  }

  function insert(row: number, sample: NewSample): void {
    const { bytes, rawBytes } = parcelOf(sample);
    database.run(
      'INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)',
      row,
      sample.source,
      Math.round(sample.timeMs),
      backboneRow(database, sample.backbone),
      sample.release,
      hashBytes(sample.hash),
      bytes,
      rawBytes,
      sample.label ?? null,
      answerText(sample.answer),
      sample.origin ?? null,
      sample.moment ?? null,
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
  }

  /** Rows that wait → the database; a power cut may take the last few, which nobody was promised. */
  function write({ waiting, written }: Unasked): void {
    counters.evicted += database.lazyTransaction(() => {
      let evicted = 0;
      for (const { row, sample } of waiting()) {
        const parcel = parcelOf(sample);
        const made = shelf.place(parcel);
        // Labels filled the store meanwhile.
        if (made === null) {
          counters.full += 1;
          continue;
        }
        evicted += made;
        insert(row, sample);
        shelf.taken(parcel);
      }
      return evicted;
    });
    written();
  }

  function settle(): void {
    if (unasked === null || unasked.isEmpty) return;
    try {
      write(unasked);
    } catch (error) {
      // Whoever looks at samples on a full disk sees those that there are.
      if (!isDiskFull(error)) throw error;
    }
  }

  function wait(sample: NewSample, queue: Unasked): Added {
    if (queue.isDue()) write(queue);
    const parcel = parcelOf(sample);
    if (shelf.sums.labelledBytes + parcel.bytes > shelf.limits.maxBytes) return { kind: 'full', reason: fullReason(shelf, parcel.bytes) };
    const row = freeRow();
    queue.add({ row, sample });
    return { kind: 'added', id: idOfRow(row), evicted: 0 };
  }

  function addAtOnce(sample: NewSample): Added {
    return database.transaction((): Added => {
      const parcel = parcelOf(sample);
      const evicted = shelf.place(parcel);
      if (evicted === null) return { kind: 'full', reason: fullReason(shelf, parcel.bytes) };
      const row = freeRow();
      insert(row, sample);
      shelf.taken(parcel);
      if (sample.origin !== undefined) origins.remember(sample.origin);
      return { kind: 'added', id: idOfRow(row), evicted };
    });
  }

  const exists = (row: number) => database.get('SELECT 1 FROM samples WHERE id = ?', row) !== undefined;
  const inMemory = (id: string): Uint8Array | null => {
    const row = rowOfId(id);
    return row !== null && exists(row) ? (unasked?.raw(row) ?? null) : null;
  };
  const read = (row: SampleRow): Sample => {
    const sample = toSample(row);
    return sample.hasRaw || (unasked?.raw(row.id) ?? null) === null ? sample : { ...sample, hasRaw: true };
  };

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
      const isPromised = sample.label !== undefined || sample.origin !== undefined;
      if (isPromised) settle();
      const added = unasked === null || isPromised ? addAtOnce(sample) : wait(sample, unasked);
      if (added.kind === 'full') counters.full += 1;
      else counters.evicted += added.evicted;
      return added;
    },
    settle,
    keepRaw(row) {
      const raw = unasked?.raw(row) ?? null;
      if (raw === null) return;
      const sample = database.get<{ readonly label: string | null; readonly raw_bytes: number }>(
        'SELECT label, raw_bytes FROM samples WHERE id = ?',
        row,
      );
      if (sample === undefined || sample.raw_bytes > 0) return;
      const labelled = sample.label !== null;
      if (shelf.place({ bytes: raw.byteLength, rawBytes: raw.byteLength, labelled }) === null || !exists(row)) return;
      database.run('INSERT INTO media VALUES (?, NULL, ?) ON CONFLICT (sample) DO UPDATE SET raw = excluded.raw', row, raw);
      database.run('UPDATE samples SET bytes = bytes + ?, raw_bytes = ? WHERE id = ?', raw.byteLength, raw.byteLength, row);
      shelf.grown(raw.byteLength, labelled);
    },
    get(id) {
      settle();
      const row = database.get<SampleRow>(`SELECT ${sampleColumns} FROM samples WHERE id = ?`, rowOfId(id));
      return row === undefined ? null : read(row);
    },
    list(limit, beforeId) {
      settle();
      const before = beforeId === undefined ? Number.MAX_SAFE_INTEGER : (rowOfId(beforeId) ?? 0);
      const sql = `SELECT ${sampleColumns} FROM samples WHERE id < ? ORDER BY id DESC LIMIT ?`;
      return database.all<SampleRow>(sql, before, limit).map(read);
    },
    raw(id) {
      settle();
      return media(id, 'raw') ?? inMemory(id);
    },
    thumbnail(id) {
      settle();
      return media(id, 'thumbnail');
    },
    ...createLookup(database, settle, read),
    toReembed(backbone) {
      settle();
      const sql = `SELECT id FROM samples WHERE backbone IN (SELECT id FROM backbones WHERE sha256 <> ?) AND raw_bytes > 0
        ORDER BY label IS NULL, id`;
      return database.all<{ readonly id: number }>(sql, backbone).map(({ id }) => idOfRow(id));
    },
    reembed(id, by) {
      settle();
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
          answerText(by.answer),
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
