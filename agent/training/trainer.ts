// The trainer process: one job in by message, progress and one outcome out, then it ends and its memory is free again. Runs at low priority
// and dies with its parent.
import { messageOf, WhetError } from '../errors.ts';
import { lowerPriority } from '../host/process-priority.ts';
import { createRuntime } from '../runtime/runtime.ts';
import { improve } from './improve.ts';
import type { FromTrainer, TrainingJob } from './protocol.ts';

const say = (message: FromTrainer): Promise<void> =>
  new Promise((resolve) => {
    // A message to a parent that is gone cannot be delivered; 'disconnect' ends this process.
    process.send?.(message, undefined, {}, () => resolve());
  });

process.on('disconnect', () => process.exit(0));
process.once('message', async (job: TrainingJob) => {
  try {
    await lowerPriority(job.nice);
    const outcome = await improve(
      job,
      createRuntime({ threads: job.threads }),
      (done, total, what) => void say({ kind: 'progress', done, total, what }),
    );
    await say({ kind: 'outcome', outcome });
  } catch (error) {
    const known =
      error instanceof WhetError
        ? error
        : new WhetError('internal', error instanceof Error ? (error.stack ?? error.message) : messageOf(error));
    await say({ kind: 'failed', code: known.code, message: known.message, hint: known.hint ?? null });
  }
  process.exit(0);
});
