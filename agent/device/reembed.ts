// After a change of model or cut: labelled samples that kept their pictures get features of the new backbone, one by one beside the collect
// loop. Takes what the store names; a picture that cannot be read any more is left as it is.
import { messageOf } from '../errors.ts';
import type { Inference } from '../inference/inference.ts';
import type { Log } from '../log.ts';
import type { Store } from '../store/store.ts';

export async function reembed(store: Store, inference: Inference, backbone: string, log: Log, signal: AbortSignal): Promise<number> {
  const ids = store.samples.toReembed(backbone);
  if (ids.length === 0) return 0;
  log.info({ samples: ids.length }, 'the backbone changed: samples with pictures are embedded again');
  let done = 0;
  for (const id of ids) {
    if (signal.aborted) return done;
    const raw = store.samples.raw(id);
    if (raw === null) continue;
    try {
      const { features, scores, release, hash } = await inference.infer(raw);
      if (store.samples.reembed(id, { backbone, features, scores, release, hash })) done += 1;
    } catch (error) {
      log.warn({ sample: id, error: messageOf(error) }, 'a sample could not be embedded again');
    }
  }
  log.info({ samples: done }, 'samples were embedded again');
  return done;
}
