// What the collect loop needs of inference, store and event stream, as its ports.

import type { Config } from '../config/resolve.ts';
import { WhetError } from '../errors.ts';
import type { Events } from '../events.ts';
import type { Inference } from '../inference/inference.ts';
import { thumbnail } from '../preprocess/picture.ts';
import type { Store } from '../store/store.ts';
import type { Capture, Clock } from '../types.ts';
import type { CollectPorts } from './collect.ts';
import { createNearDuplicates } from './near-duplicates.ts';

export function collectPorts(
  config: Config,
  store: Store,
  inference: Inference,
  backbone: string,
  events: Events,
  clock: Clock,
): CollectPorts {
  const { duplicates, queries } = config;
  const near = createNearDuplicates({ ...duplicates, sureFrom: queries.below }, clock);
  // Somebody who was asked about a picture is not asked about the next one like it.
  const windowSeconds = duplicates.windowSeconds === 0 ? 0 : Math.max(duplicates.windowSeconds, askedSeconds);
  const asked = createNearDuplicates({ ...duplicates, windowSeconds, sureFrom: 0 }, clock);
  return {
    requireRoom({ bytes }) {
      const reason = store.samples.fullFor(bytes.byteLength);
      if (reason !== null) throw noRoom(reason);
    },
    infer: ({ bytes, origin }) => inference.infer(bytes, origin === undefined ? undefined : `file ${origin}`),
    isDuplicate: ({ source }, inferred) => near.isDuplicate(source, inferred),
    add({ capture, inferred }) {
      const added = store.samples.add({
        source: capture.source,
        timeMs: capture.timeMs,
        origin: capture.origin,
        moment: capture.moment,
        backbone,
        features: inferred.features,
        answer: inferred.answer,
        release: inferred.release,
        hash: inferred.hash,
        raw: capture.bytes,
        label: capture.label,
      });
      if (added.kind === 'added') {
        near.stored(capture.source, inferred);
        return added.id;
      }
      throw noRoom(added.reason);
    },
    remember: (origin) => store.origins.remember(origin),
    predicted: (sample, capture, inferred) => events.emit({ kind: 'predicted', sample, capture, inferred }),
    mayAsk: (timeMs, { source }, inferred) => !asked.isDuplicate(source, inferred) && store.queries.mayAsk(timeMs, queries.perHour),
    async ask(sample, capture, inferred) {
      const { answer } = inferred;
      const shown = queries.thumbnail ? await toShow(capture, queries.thumbnailEdge) : null;
      // One transaction: a question that was counted and never told would stay open for ever.
      store.transaction(() => {
        if (store.queries.ask(sample, clock.now())) events.emit({ kind: 'asked', sample, capture, answer, shown });
      });
      asked.stored(capture.source, inferred);
    },
  };
}

/** How long a question stands for all pictures like it. */
const askedSeconds = 3600;

function noRoom(reason: string): WhetError {
  return new WhetError('disk-full', reason, { hint: 'Raise retention.databaseMegabytes, or `whet forget` what is no longer needed.' });
}

/** The longest recording that goes with a question: five seconds at 8 kHz; with its base64 it stays far below a message's limit. */
const longestShownBytes = 80_000;

/** What a person needs to answer: a small picture, or the recording itself. null where there is nothing small to show. */
async function toShow(capture: Capture, edge: number): Promise<Uint8Array | null> {
  switch (capture.kind) {
    case 'image':
      return thumbnail(capture.bytes, edge);
    case 'audio':
      return capture.bytes.length <= longestShownBytes ? capture.bytes : null;
    case 'sensor':
      return null;
  }
}
