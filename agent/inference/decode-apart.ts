// The process that decodes one capture over which another process died: bytes in by message, tensors out, then it ends. Where memory runs out the
// system ends this one and not the daemon.
import { writeFileSync } from 'node:fs';
import { messageOf, WhetError } from '../errors.ts';
import { openCapture } from '../preprocess/capture-input.ts';
import type { ApartAnswer, ApartJob } from './apart.ts';

try {
  writeFileSync('/proc/self/oom_score_adj', '1000');
} catch {
  // Not Linux, or not allowed: then the system chooses.
}

process.on('disconnect', () => process.exit(0));
process.once('message', async ({ bytes, input, count }: ApartJob) => {
  let answer: ApartAnswer;
  try {
    const capture = await openCapture(bytes, input);
    answer = { kind: 'decoded', decoded: { plain: capture.plain, views: capture.views(count) } };
  } catch (error) {
    const known = error instanceof WhetError ? error : new WhetError('internal', messageOf(error));
    answer = { kind: 'failed', code: known.code, message: known.message, hint: known.hint ?? null };
  }
  process.send?.(answer, undefined, {}, () => process.exit(0));
});
