// After a change of model or cut: labelled samples that kept their captures get features of the new backbone, one by one beside the collect
// loop. Takes what the store names; a capture that cannot be read any more is left as it is, and a worker that is away is waited for.
import { messageOf, WhetError } from '../errors.ts';
import type { Inference } from '../inference/inference.ts';
import type { Log } from '../log.ts';
import type { Store } from '../store/store.ts';

export interface ReembeddingPorts {
  readonly store: Pick<Store, 'samples'>;
  readonly inference: Pick<Inference, 'infer'>;
  readonly backbone: string;
  readonly log: Log;
  /** Milliseconds between tries while no worker is there. */
  readonly retryMs?: number;
}

export interface Reembedding {
  /** Gives the number of samples that were embedded again. */
  start(): Promise<number>;
  /** Resolves when it has ended, or the signal came: a run that began before would learn from a part. */
  settled(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

export function createReembedding({ store, inference, backbone, log, retryMs = 1000 }: ReembeddingPorts): Reembedding {
  const stopping = new AbortController();
  let working: Promise<number> | null = null;

  async function embedOne(id: string): Promise<boolean> {
    while (!stopping.signal.aborted) {
      const raw = store.samples.raw(id);
      if (raw === null) return false;
      try {
        const { features, answer, release, hash } = await inference.infer(raw, `sample ${id}`);
        return store.samples.reembed(id, { backbone, features, answer, release, hash });
      } catch (error) {
        if (!(error instanceof WhetError && error.code === 'inference-unavailable')) {
          log.warn({ sample: id, error: messageOf(error) }, 'a sample could not be embedded again');
          return false;
        }
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
    return false;
  }

  async function embedAll(): Promise<number> {
    const ids = store.samples.toReembed(backbone);
    if (ids.length === 0) return 0;
    log.info({ samples: ids.length }, 'the backbone changed: samples with captures are embedded again');
    let done = 0;
    for (const id of ids) {
      if (stopping.signal.aborted) return done;
      if (await embedOne(id)) done += 1;
    }
    log.info({ samples: done }, 'samples were embedded again');
    return done;
  }

  return {
    start() {
      working ??= embedAll().catch((error) => {
        log.error({ error: messageOf(error) }, 'embedding again failed');
        return 0;
      });
      return working;
    },
    async settled(signal) {
      if (working === null) return;
      await Promise.race([working, new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))]);
    },
    async stop() {
      stopping.abort();
      await working;
    },
  };
}
