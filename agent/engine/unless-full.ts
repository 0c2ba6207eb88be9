// Bookkeeping at start that a full disk may put off: the device predicts without it. Any other failure is its caller's.
import { isDiskFull, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';

/** `later`: a sentence about when it is done instead. */
export async function unlessFull(log: Log, later: string, work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    log.error({ error: messageOf(error), later }, 'the disk is full at start');
  }
}
