// The device's store: one database file, its parts joined. Takes a path and limits, gives samples, labels, questions, runs,
// settings, outbox and commands. Only one process opens it for writing (the caller holds a lock); any number may read.
import type { Clock, CommandLog, Outbox } from '../types.ts';
import { type CommandLimits, createCommandLog } from './commands.ts';
import { createCounters } from './counters.ts';
import { type Broken, type Database, type DatabaseOptions, openDatabase, openReadOnly } from './database.ts';
import { createFeatures, type StoredFeatures } from './features.ts';
import { type ForgottenSamples, forgetSamples, type SampleSelector, wouldForget } from './forget.ts';
import { createLabels, type Labels } from './labels.ts';
import { createMoments, type Moments } from './moments.ts';
import { createOrigins, type Origins } from './origins.ts';
import { createOutbox, type OutboxLimits } from './outbox.ts';
import { createQueries, type Queries } from './queries.ts';
import { createRuns, type Runs } from './runs.ts';
import { idOfRow } from './sample-id.ts';
import { createSamples, type Samples } from './samples.ts';
import { migrations } from './schema.ts';
import { createSettings, type Settings } from './settings.ts';
import { createShelf, type ShelfLimits } from './shelf.ts';
import { createUnasked, type UnaskedLimits } from './unasked.ts';
import { createUnderWay, type UnderWay } from './under-way.ts';
import { createViews, type Views } from './views.ts';

export interface StoreOptions {
  readonly samples: ShelfLimits;
  readonly outbox: OutboxLimits;
  readonly commands?: CommandLimits;
  /** How samples that nobody asked about are written; one by one and whole unless told. */
  readonly unasked?: UnaskedLimits;
  /** Origins remembered at most; 200,000 unless told. */
  readonly maxOrigins?: number;
  readonly database?: DatabaseOptions;
  readonly clock: Clock;
}

export interface StoreSizes {
  readonly fileBytes: number;
  /** Pages that are empty and will be used again. */
  readonly freeBytes: number;
  readonly sampleBytes: number;
  readonly outboxBytes: number;
  /** Labelled samples that lost their raw bytes, since the store was created. */
  readonly rawDropped: number;
}

export interface Store {
  readonly samples: Samples;
  readonly labels: Labels;
  readonly features: StoredFeatures;
  readonly moments: Moments;
  readonly views: Views;
  readonly origins: Origins;
  readonly underWay: UnderWay;
  readonly queries: Queries;
  readonly runs: Runs;
  readonly settings: Settings;
  readonly outbox: Outbox;
  readonly commands: CommandLog;
  /** A damaged database that was moved aside while opening; null where all was well. */
  readonly broken: Broken | null;
  forget(selector: SampleSelector): ForgottenSamples;
  /** What `forget` would take; changes nothing. */
  wouldForget(selector: SampleSelector): Omit<ForgottenSamples, 'erased'>;
  /** All writes of `work` or none; errors must not be caught inside. */
  transaction<T>(work: () => T): T;
  /** All reads of `work` see one moment. */
  snapshot<T>(work: () => T): T;
  sizes(): StoreSizes;
  /** Writes the log back into the file and empties it; false while another process reads. */
  checkpoint(): boolean;
  close(): void;
}

/** What another process may see of the store. */
export interface StoreReader {
  readonly features: StoredFeatures;
  snapshot<T>(work: () => T): T;
  close(): void;
}

const commandLimits: CommandLimits = {
  maxFinished: 10_000,
  maxAgeMs: 30 * 86_400_000,
  maxUnfinished: 1000,
  maxUnfinishedBytes: 8 * 1024 * 1024,
};

export function openStore(path: string, options: StoreOptions): Store {
  const { database, broken } = openDatabase(path, migrations, options.database);
  const counters = createCounters(database);
  const shelf = createShelf(database, counters, options.samples);
  const origins = createOrigins(database, options.maxOrigins ?? 200_000);
  const outbox = createOutbox(database, options.outbox, options.clock);
  const unasked = options.unasked === undefined ? null : createUnasked(options.unasked, options.clock);
  const samples = createSamples(database, shelf, origins, unasked, options.clock);
  const underWay = createUnderWay(database);
  const settled = settledFirst(database, samples.settle);
  return {
    samples,
    labels: createLabels(settled, shelf, samples.keepRaw),
    features: createFeatures(settled),
    moments: createMoments(settled),
    views: createViews(settled, shelf),
    origins,
    underWay,
    queries: createQueries(database, samples),
    runs: createRuns(settled),
    settings: createSettings(database),
    outbox,
    commands: createCommandLog(database, outbox, options.commands ?? commandLimits, options.clock),
    broken,
    wouldForget: (selector) => wouldForget(settled, selector),
    forget: (selector) => {
      const forgotten = forgetSamples(settled, selector, () => {
        shelf.reset();
        outbox.recount();
      });
      unasked?.forget((row) => samples.get(idOfRow(row)) !== null);
      return forgotten;
    },
    transaction: (work) => settled.transaction(work),
    snapshot: (work) => settled.snapshot(work),
    sizes() {
      samples.settle();
      const pragma = (name: 'page_count' | 'freelist_count') => database.get<Record<string, number>>(`PRAGMA ${name}`)?.[name] ?? 0;
      const pageBytes = database.get<{ readonly page_size: number }>('PRAGMA page_size')?.page_size ?? 4096;
      return {
        fileBytes: pragma('page_count') * pageBytes,
        freeBytes: pragma('freelist_count') * pageBytes,
        sampleBytes: shelf.sums.labelledBytes + shelf.sums.unlabelledBytes,
        outboxBytes: outbox.counters.waitingBytes,
        rawDropped: counters.get('samples.raw-dropped'),
      };
    },
    checkpoint: () => settled.emptyLog(),
    close() {
      samples.settle();
      underWay.settle();
      database.close();
    },
  };
}

/** Whoever reads or writes what hangs on samples finds those that waited. */
function settledFirst(database: Database, settle: () => void): Database {
  const first =
    <Arguments extends readonly unknown[], T>(work: (...given: Arguments) => T) =>
    (...given: Arguments): T => {
      settle();
      return work(...given);
    };
  return {
    ...database,
    get: first(database.get) as Database['get'],
    all: first(database.all) as Database['all'],
    run: first(database.run),
    transaction: first(database.transaction) as Database['transaction'],
    lazyTransaction: first(database.lazyTransaction) as Database['lazyTransaction'],
    snapshot: first(database.snapshot) as Database['snapshot'],
    emptyLog: first(database.emptyLog),
  };
}

/** Refuses a file that is not there, or that another version wrote. */
export function openStoreReader(path: string): StoreReader {
  const database = openReadOnly(path, migrations.length);
  return {
    features: createFeatures(database),
    snapshot: (work) => database.snapshot(work),
    close: () => database.close(),
  };
}
