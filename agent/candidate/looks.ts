// How often a device has asked whether something is better than its current model. Asking again of the same moments is no new look.

export interface Look {
  /** Looks at this current model so far. */
  readonly looks: number;
  /** Moments that judged at the last of them. */
  readonly moments: number;
}

export const noLooks: Look = { looks: 0, moments: 0 };

export function lookAt(before: Look, moments: number): Look {
  return moments === before.moments && before.looks > 0 ? before : { looks: before.looks + 1, moments };
}
