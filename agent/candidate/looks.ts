// How often a device has asked whether something is better than its current model. Asking again about the same candidate and the same rows is no
// new look.

export interface Look {
  /** Looks at this current model so far. */
  readonly looks: number;
  /** What was asked at the last of them: a digest of the candidate and of the rows that judged. */
  readonly asked: string;
}

export const noLooks: Look = { looks: 0, asked: '' };

export function lookAt(before: Look, asked: string): Look {
  return asked === before.asked && before.looks > 0 ? before : { looks: before.looks + 1, asked };
}
