// Back to an earlier release, or to the base model. Refuses while a run is under way: its candidate is judged against what is current.
import { z } from 'zod';
import { versionName } from '../contract/payloads.ts';
import { WhetError } from '../errors.ts';
import { operation } from './operation.ts';
import { text } from './schemas.ts';

export const rollback = operation({
  summary: 'Go back to an earlier release; the one before the current unless told',
  arguments: z.strictObject({ version: versionName.optional() }),
  result: z.object({ previous: text, current: text }),
  lane: 'long',
  // "The one before" would go back twice; a named version is the same both times.
  rerunnable: ({ version }) => version !== undefined,
  async run({ jobs, activation }, { version }) {
    if (jobs.running) {
      throw new WhetError('already-running', 'a training run is under way', { hint: 'Wait until it has ended: `whet status`.' });
    }
    return jobs.exclusive(() => activation.goBack(version));
  },
});
