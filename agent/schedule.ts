// When loop 2 may run: a pure decision from what the daemon knows. Takes facts, gives 'train' or 'wait' with a sentence for people.

export interface ScheduleFacts {
  readonly paused: boolean;
  /** A training run is under way. */
  readonly training: boolean;
  /** Someone asked for a run (command line, MQTT); null where nobody did. */
  readonly requested: string | null;
  /** The cron expression of the configuration fired since the last run. */
  readonly due: boolean;
  /** Labels given since the last finished run, and what is wanted before a scheduled run is worth its energy. */
  readonly newLabels: number;
  readonly minNewLabels: number;
  /** Degrees Celsius below the first trip point; null where the board has no sensor. Training waits at 0 and below. */
  readonly thermalHeadroomC: number | null;
}

export type ScheduleDecision = { readonly kind: 'train'; readonly reason: string } | { readonly kind: 'wait'; readonly reason: string };

export function decide(facts: ScheduleFacts): ScheduleDecision {
  const wait = (reason: string): ScheduleDecision => ({ kind: 'wait', reason });
  if (facts.training) return wait('a training run is under way');
  if (facts.thermalHeadroomC !== null && facts.thermalHeadroomC <= 0) {
    return wait(`the board is at its trip point (${facts.thermalHeadroomC} °C of headroom)`);
  }
  // A request is a person's decision and goes ahead of the pause, the calendar and the count.
  if (facts.requested !== null) return { kind: 'train', reason: facts.requested };
  if (facts.paused) return wait('training is paused');
  if (facts.newLabels < facts.minNewLabels) return wait(`${facts.newLabels} of ${facts.minNewLabels} new labels`);
  if (!facts.due) return wait('enough new labels; waiting for the schedule');
  return { kind: 'train', reason: `schedule, ${facts.newLabels} new labels` };
}
