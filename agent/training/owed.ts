// A training that the device owes: a base model was updated, or samples were forgotten that the current release had learned from. Written down
// before what makes it necessary, crossed out when such a run has ended, so that a power cut between the two forgets nothing.
import type { Settings } from '../store/settings.ts';

export interface OwedTraining {
  readonly reason: string;
  /** It replaces what was there, also where it is worse, within this memory. */
  readonly unlearning: { readonly roomBytes?: number } | null;
}

const setting = 'training.owed';

export function owedTraining(settings: Settings): OwedTraining | null {
  return (settings.get(setting) as OwedTraining | null | undefined) ?? null;
}

export function oweTraining(settings: Settings, owed: OwedTraining): void {
  // Forgetting is the stronger wish: it is not overwritten by another.
  if (owedTraining(settings)?.unlearning != null && owed.unlearning === null) return;
  settings.set(setting, owed);
}

/** A run has ended; one that unlearned settles every debt, another only what is no unlearning. */
export function settleTraining(settings: Settings, { unlearned }: { readonly unlearned: boolean }): void {
  const owed = owedTraining(settings);
  if (owed !== null && (unlearned || owed.unlearning === null)) settings.set(setting, null);
}
