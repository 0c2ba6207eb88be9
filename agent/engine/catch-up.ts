// What a device owes at start: captures of an earlier base model are embedded again, and a training that a power cut or a new base model left
// owing is made up for. Beside everything else: it keeps nobody waiting.
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Engine } from './engine.ts';
import type { Reembedding } from './reembed.ts';
import type { Startable } from './startable.ts';

export function createCatchUp({ viewKeeper, parts, owed }: Engine, reembedding: Reembedding, log: Log): Startable {
  const { jobs } = parts;
  let isStopped = false;

  async function train(): Promise<void> {
    const wanted = owed();
    if (wanted === null || jobs.running || isStopped) return;
    const { reason, unlearning } = wanted;
    await jobs.train(reason, unlearning === null ? {} : { unlearning });
  }

  return {
    start() {
      reembedding
        .start()
        .then(() => viewKeeper.wake())
        .then(train)
        .catch((error) => log.error({ error: messageOf(error) }, 'a training run failed'));
    },
    async stop() {
      isStopped = true;
      await reembedding.stop();
    },
  };
}
