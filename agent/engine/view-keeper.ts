// Labelled captures → what they might have been (mirrored, louder, faster …), embedded and kept in the store before anybody trains. Takes a
// function that embeds; a capture that cannot be read has no views, and one that fails for another reason is tried again at the next wake.
import { messageOf, WhetError } from '../errors.ts';
import type { Log } from '../log.ts';
import { fewCaptures, isUnreadable } from '../preprocess/capture-input.ts';
import type { Store } from '../store/store.ts';

export interface ViewKeeper {
  /** Labels may have come. */
  wake(): void;
  /** Resolves when every labelled capture of this moment has its views, was given up, or the signal came. */
  settled(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

export interface ViewKeeperPorts {
  readonly store: Pick<Store, 'samples' | 'labels' | 'views'>;
  readonly backbone: string;
  /** Features of the capture as it might have been; `what` it is called. */
  embedViews(raw: Uint8Array, what: string): Promise<readonly Float32Array[]>;
  readonly log: Log;
}

export function createViewKeeper({ store, backbone, embedViews, log }: ViewKeeperPorts): ViewKeeper {
  const stopping = new AbortController();
  let working: Promise<void> | null = null;
  let again = false;

  /** false where nobody is there to embed: the others would fail as well. */
  async function keepOne(id: string): Promise<boolean> {
    const raw = store.samples.raw(id);
    if (raw === null) return true;
    try {
      store.views.set(id, backbone, await embedViews(raw, `sample ${id}`));
    } catch (error) {
      if (isUnreadable(error)) store.views.set(id, backbone, []);
      else log.debug({ sample: id, error: messageOf(error) }, 'a capture could not be varied; it is tried again');
      return !(error instanceof WhetError && error.code === 'inference-unavailable');
    }
    return true;
  }

  /** With many captures copies help little, and cost as much each. */
  async function keepAll(): Promise<void> {
    if (store.labels.labelled > fewCaptures) return;
    for (const id of store.views.missing(backbone, fewCaptures)) {
      if (stopping.signal.aborted || !(await keepOne(id))) return;
    }
  }

  function wake(): void {
    if (stopping.signal.aborted) return;
    again = working !== null;
    working ??= keepAll()
      .catch((error) => log.error({ error: messageOf(error) }, 'captures could not be varied'))
      .finally(() => {
        working = null;
        if (again) wake();
      });
  }

  return {
    wake,
    async settled(signal) {
      wake();
      const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      while (working !== null && !signal.aborted) await Promise.race([working, aborted]);
    },
    async stop() {
      stopping.abort();
      await working;
    },
  };
}
