// How much room samples take, and how room is made: the oldest unlabelled sample goes first, labelled ones only lose their raw bytes, and
// that beyond a limit of its own. Works inside the caller's transaction; gives null where labelled samples alone fill the store.
import type { Counters } from './counters.ts';
import type { Database } from './database.ts';
import { createTally } from './tally.ts';

export interface ShelfLimits {
  /** Unlabelled samples at most. */
  readonly maxUnlabelled: number;
  /** Features, pictures and rows of all samples at most. */
  readonly maxBytes: number;
  /** Raw bytes of labelled samples at most; beyond it the oldest keep their features only. */
  readonly maxRawBytes: number;
}

/** One sample as far as room is concerned. */
export interface Parcel {
  readonly bytes: number;
  readonly rawBytes: number;
  readonly labelled: boolean;
}

interface Sums {
  unlabelled: number;
  unlabelledBytes: number;
  labelled: number;
  labelledBytes: number;
  labelledRawBytes: number;
  /** No unlabelled sample has a smaller row number. */
  unlabelledFrom: number;
}

export interface Shelf {
  readonly limits: ShelfLimits;
  readonly sums: Readonly<Sums>;
  /** Evicts until the parcel fits; the number of evicted samples, or null where it cannot fit. */
  place(parcel: Parcel): number | null;
  /** The parcel lies in the database now. */
  taken(parcel: Parcel): void;
  /** A stored sample takes more (or, negative, fewer) bytes than before. */
  grown(bytes: number, labelled: boolean): void;
  /** A sample got or lost its label. */
  moved(row: number, parcel: Omit<Parcel, 'labelled'>, labelled: boolean): void;
  /** Counts again at the next look: after rows were changed in bulk. */
  reset(): void;
}

/** What a row costs beside its blobs: the row itself, and half-filled pages. */
export const rowBytes = 512;

export function createShelf(database: Database, counters: Counters, limits: ShelfLimits): Shelf {
  const { sums, reset } = createTally(database, () => count(database));

  function stripRaw(): void {
    const now = sums();
    while (now.labelledRawBytes > limits.maxRawBytes) {
      const oldest = database.get<{ readonly id: number; readonly raw_bytes: number }>(
        'SELECT id, raw_bytes FROM samples WHERE label IS NOT NULL AND raw_bytes > 0 ORDER BY id LIMIT 1',
      );
      if (oldest === undefined) return;
      database.run('UPDATE media SET raw = NULL WHERE sample = ?', oldest.id);
      database.run('UPDATE samples SET bytes = bytes - raw_bytes, raw_bytes = 0 WHERE id = ?', oldest.id);
      now.labelledRawBytes -= oldest.raw_bytes;
      now.labelledBytes -= oldest.raw_bytes;
      counters.add('samples.raw-dropped', 1);
    }
  }

  return {
    limits,
    get sums() {
      return sums();
    },
    place(parcel) {
      const now = sums();
      if (now.labelledBytes + parcel.bytes > limits.maxBytes) return null;
      let evicted = 0;
      const over = () =>
        now.unlabelledBytes + now.labelledBytes + parcel.bytes > limits.maxBytes ||
        (!parcel.labelled && now.unlabelled + 1 > limits.maxUnlabelled);
      while (now.unlabelled > 0 && over()) {
        const oldest = database.get<{ readonly id: number; readonly bytes: number }>(
          'SELECT id, bytes FROM samples WHERE id >= ? AND label IS NULL ORDER BY id LIMIT 1',
          now.unlabelledFrom,
        );
        if (oldest === undefined) break;
        database.run('DELETE FROM samples WHERE id = ?', oldest.id);
        evicted += 1;
        now.unlabelled -= 1;
        now.unlabelledBytes -= oldest.bytes;
        now.unlabelledFrom = oldest.id + 1;
      }
      return evicted;
    },
    taken(parcel) {
      add(sums(), parcel, 1);
      stripRaw();
    },
    grown(bytes, labelled) {
      sums()[labelled ? 'labelledBytes' : 'unlabelledBytes'] += bytes;
    },
    moved(row, parcel, labelled) {
      const now = sums();
      add(now, { ...parcel, labelled: !labelled }, -1);
      add(now, { ...parcel, labelled }, 1);
      if (!labelled) now.unlabelledFrom = Math.min(now.unlabelledFrom, row);
      else stripRaw();
    },
    reset,
  };
}

function add(sums: Sums, parcel: Parcel, sign: 1 | -1): void {
  if (parcel.labelled) {
    sums.labelled += sign;
    sums.labelledBytes += sign * parcel.bytes;
    sums.labelledRawBytes += sign * parcel.rawBytes;
  } else {
    sums.unlabelled += sign;
    sums.unlabelledBytes += sign * parcel.bytes;
  }
}

function count(database: Database): Sums {
  const rows = database.all<{ readonly labelled: number; readonly n: number; readonly bytes: number; readonly raw: number }>(
    'SELECT label IS NOT NULL AS labelled, count(*) AS n, sum(bytes) AS bytes, sum(raw_bytes) AS raw FROM samples GROUP BY 1',
  );
  const of = (labelled: number) => rows.find((row) => row.labelled === labelled);
  return {
    unlabelled: of(0)?.n ?? 0,
    unlabelledBytes: of(0)?.bytes ?? 0,
    labelled: of(1)?.n ?? 0,
    labelledBytes: of(1)?.bytes ?? 0,
    labelledRawBytes: of(1)?.raw ?? 0,
    unlabelledFrom: 0,
  };
}
