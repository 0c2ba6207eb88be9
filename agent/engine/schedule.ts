// When loop 2 may run by itself: a pure decision from what the daemon knows. Takes facts, gives 'train' or 'wait' with a sentence for
// people. A run that a person asks for does not come here: it goes ahead of pause, calendar and count.

export interface ScheduleFacts {
  readonly paused: boolean;
  /** A training run is under way. */
  readonly training: boolean;
  /** The cron expression of the configuration fired since the last run. */
  readonly due: boolean;
  /** Labels given since the last run that learned, and what is wanted before a scheduled run is worth its energy. */
  readonly newLabels: number;
  /** What the last run waits for, where it could not learn and no label came since; null else. */
  readonly missing: string | null;
  readonly minNewLabels: number;
  /** Degrees Celsius below the first trip point; null where the board has no sensor. Training waits at 0 and below. */
  readonly thermalHeadroomC: number | null;
  /** Milliseconds until a run may be tried again after one that failed; 0 where none did. */
  readonly retryInMs: number;
}

export type ScheduleDecision = { readonly kind: 'train'; readonly reason: string } | { readonly kind: 'wait'; readonly reason: string };

export function decide(facts: ScheduleFacts): ScheduleDecision {
  const wait = (reason: string): ScheduleDecision => ({ kind: 'wait', reason });
  if (facts.training) return wait('a training run is under way');
  if (facts.thermalHeadroomC !== null && facts.thermalHeadroomC <= 0) {
    return wait(`the board is at its trip point (${facts.thermalHeadroomC} °C of headroom)`);
  }
  if (facts.paused) return wait('training is paused');
  if (facts.retryInMs > 0) return wait(`the last run failed; the next try is in ${Math.ceil(facts.retryInMs / 60_000)} min`);
  if (facts.newLabels < facts.minNewLabels) return wait(`${facts.newLabels} of ${facts.minNewLabels} new labels`);
  if (facts.missing !== null) return wait(`${facts.newLabels} new labels; ${facts.missing}`);
  if (!facts.due) return wait('enough new labels; waiting for the schedule');
  return { kind: 'train', reason: `schedule, ${facts.newLabels} new labels` };
}
