// What a device keeps, opened in order under the lock: store, releases, and the card of its model. Takes the configuration; gives them back
// together with one function that closes them in reverse.
import { rmSync } from 'node:fs';
import { type ModelCard, requireCard } from '../config/card.ts';
import { requireClassifier } from '../config/require-classifier.ts';
import type { Config } from '../config/resolve.ts';
import { stateError } from '../errors.ts';
import type { Log } from '../log.ts';
import { createReleases, type Releases } from '../release/releases.ts';
import { acquireLock } from '../store/lock.ts';
import { openStore, type Store } from '../store/store.ts';
import { unaskedInMemory } from '../store/unasked.ts';
import type { Clock } from '../types.ts';
import { makePrivateDirectory } from './directories.ts';
import { claimState } from './owner.ts';
import { type Places, placesOf } from './places.ts';
import { keepReserve, withReserve } from './reserve.ts';
import { unlessFull } from './unless-full.ts';

export interface DeviceState {
  readonly places: Places;
  readonly card: ModelCard;
  readonly store: Store;
  readonly releases: Releases;
  close(): void;
}

const megabyte = 1024 * 1024;
const dayMs = 86_400_000;

/** Throws `already-running` where another process holds the state directory. */
export async function openState(config: Config, log: Log, clock: Clock): Promise<DeviceState> {
  const places = placesOf(config);
  const { card } = await requireCard(config.model, config.card === null ? {} : { card: config.card });
  requireClassifier(card, config.model, 'the daemon');
  makePrivateDirectory(places.state);
  const lock = acquireLock(places.lock);
  try {
    claimState(places.state, config.file);
    const store = await withReserve(places.reserve, log, () => openStore(places.database, storeOptions(config, clock)));
    if (store.broken !== null) log.error({ ...store.broken }, 'the database was damaged; it was moved aside and a new one begun');
    await unlessFull(log, 'runs that the last stop cut off are marked before the next run', () => {
      const interrupted = store.runs.interruptUnfinished(clock.now());
      if (interrupted.length > 0) log.warn({ runs: interrupted }, 'training runs were cut off by the last stop');
    });
    await unlessFull(log, 'captures that the last process died over are known at the next start', () => {
      const captures = store.underWay.recover();
      if (captures > 0) log.warn({ captures }, 'captures were being decoded when the last process ended; they are decoded apart');
    });
    const releases = createReleases(places.releases, clock);
    await unlessFull(log, 'the release that was current is tried once more; it is taken back when there is room', async () => {
      const { current, rolledBack } = await withReserve(places.reserve, log, () => releases.start());
      if (rolledBack !== null) log.error({ ...rolledBack, current }, 'the current release could not be used and was rolled back');
    });
    keepReserve(places.reserve);
    emptyCandidates(places.candidates);
    return {
      places,
      card,
      store,
      releases,
      close() {
        store.close();
        keepReserve(places.reserve);
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function storeOptions(config: Config, clock: Clock) {
  const { unlabelledSamples, rawMegabytes, databaseMegabytes, unaskedMegabytesPerDay } = config.retention;
  return {
    samples: { maxUnlabelled: unlabelledSamples, maxBytes: databaseMegabytes * megabyte, maxRawBytes: rawMegabytes * megabyte },
    unasked: { ...unaskedInMemory, writtenBytesPerDay: unaskedMegabytesPerDay * megabyte },
    outbox: { maxBytes: (config.mqtt?.outboxMegabytes ?? 16) * megabyte, maxAgeMs: (config.mqtt?.outboxDays ?? 14) * dayMs },
    clock,
  };
}

/** What a killed trainer left behind. */
function emptyCandidates(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    throw stateError(error, 'remove left-over candidates', path);
  }
}
