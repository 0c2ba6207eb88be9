// Which learner's tail is kept. Both are fitted where both can be; the same left-out rows decide, and what several layers bought against the
// last one alone is said. Configuration may name one learner instead.
import { WhetError } from '../errors.ts';
import type { FeatureSet } from '../types.ts';
import { hits } from './evaluate.ts';
import type { FittedTail, Learner, LearnerInput } from './learner.ts';
import { type Comparison, comparePaired } from './paired.ts';

export type LearnerChoice = 'auto' | 'closed-form' | 'gradient';

export interface Chosen {
  readonly learner: Learner;
  readonly fitted: FittedTail;
  readonly reason: string;
  /** Where several layers could be trained: the last one alone against all of them. */
  readonly depth: Depth | null;
}

export interface Depth {
  /** The fit of the last layer alone. */
  readonly shallow: FittedTail;
  /** The fit of all layers. */
  readonly deep: FittedTail;
  /** The last layer alone (`first`) and all layers (`second`) on the same left-out rows; null where nothing could be left out. */
  readonly leftOut: Comparison | null;
}

/**
 * `learners` are in order of preference: a later one is kept where it is better on left-out rows by more than the standard error of the
 * difference. Where one learner is wanted it is kept; the last layer alone is then fitted only for comparison. Throws `model-unsupported`
 * where the wanted learner cannot train the tail.
 */
export async function fitBest(choice: LearnerChoice, learners: readonly Learner[], input: LearnerInput): Promise<Chosen> {
  const usable = learners.filter((learner) => learner.trains === 'tail' || input.tail.head !== null);
  const [first, ...others] = usable.filter((learner) => choice === 'auto' || learner.name === choice);
  if (first === undefined) {
    throw new WhetError('model-unsupported', `no learner can train this tail (wanted: ${choice})`, {
      hint: 'The closed form needs a tail that ends in a linear layer; use --learner gradient or another cut.',
    });
  }
  const isDeep = input.tail.parameters.some(({ name }) => name !== input.tail.head?.weight && name !== input.tail.head?.bias);
  // The closed form is exact for a linear head; a second opinion costs training time and pays only where more layers can learn.
  if (!isDeep || (choice !== 'auto' && first.trains === 'head')) return await firstThatFits([first, ...others], input);
  const shallow = usable.find((learner) => learner.trains === 'head');
  const second = first === shallow ? others[0] : first;
  if (shallow === undefined || second === undefined) return alone(first, await first.fit(input), 'it is the one that can train this tail');
  const one = await shallow.fit(input);
  if (choice === 'auto' && isPerfect(one, input)) return alone(shallow, one, 'the last layer alone names every left-out capture right');
  const depth = await compareDepth(one, second, input);
  const isBetter = depth.leftOut !== null && depth.leftOut.gain > depth.leftOut.standardError;
  const kept = choice !== 'auto' || isBetter ? second : shallow;
  return {
    learner: kept,
    fitted: kept === second ? depth.deep : depth.shallow,
    reason: reasonOf(depth.leftOut, kept === second, choice !== 'auto'),
    depth,
  };
}

/** Features that one learner finds no answer for may suit another; where none is left, what the first said is what happened. */
async function firstThatFits([first, ...others]: readonly [Learner, ...Learner[]], input: LearnerInput): Promise<Chosen> {
  try {
    return alone(first, await first.fit(input), 'it fits the tail');
  } catch (error) {
    if (!(error instanceof WhetError && error.code === 'training-diverged')) throw error;
    for (const other of others) {
      try {
        return alone(other, await other.fit(input), `${first.name} found no finite weights`);
      } catch (failure) {
        if (!(failure instanceof WhetError)) throw failure;
      }
    }
    throw error;
  }
}

/** Nothing can be better than that, and training several layers takes long. */
function isPerfect(fitted: FittedTail, { train, classes }: LearnerInput): boolean {
  const rows = [...leftOutRows(fitted, train)];
  return rows.length > 0 && rows.every(([row, logits]) => hits(logits, [train.labels[row] as number], classes)[0] === true);
}

async function compareDepth(one: FittedTail, deep: Learner, input: LearnerInput): Promise<Depth> {
  const all = await deep.fit(input);
  const [a, b] = [leftOutRows(one, input.train), leftOutRows(all, input.train)];
  const rows = firstOfGroups(
    [...a.keys()].filter((row) => b.has(row)),
    input.train.groups,
  );
  const right = (logits: ReadonlyMap<number, Float32Array>) =>
    rows.map((row) => hits(logits.get(row) as Float32Array, [input.train.labels[row] as number], input.classes)[0] === true);
  return { shallow: one, deep: all, leftOut: rows.length === 0 ? null : comparePaired(right(a), right(b)) };
}

/** Rows of one group (a burst, views of one capture) say the same thing: one of them counts. */
function firstOfGroups(rows: readonly number[], groups: Int32Array): readonly number[] {
  const seen = new Set<number>();
  return rows.filter((row) => {
    const group = groups[row] as number;
    return !seen.has(group) && seen.add(group) !== undefined;
  });
}

/** Row → its logits as predicted without it. */
export function leftOutRows({ crossValidated, heldOut }: FittedTail, { count }: FeatureSet): ReadonlyMap<number, Float32Array> {
  const rows = crossValidated === null ? (heldOut?.rows ?? []) : Array.from({ length: count }, (_, row) => row);
  const logits = crossValidated ?? heldOut?.logits ?? new Float32Array();
  const classes = logits.length / rows.length;
  return new Map(rows.map((row, at) => [row, logits.subarray(at * classes, (at + 1) * classes)]));
}

function alone(learner: Learner, fitted: FittedTail, reason: string): Chosen {
  return { learner, fitted, reason, depth: null };
}

function reasonOf(leftOut: Comparison | null, isDeep: boolean, isWanted: boolean): string {
  if (leftOut === null) return isWanted ? 'it was asked for' : 'nothing could be left out that would tell what more layers bring';
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  const numbers = `all layers ${percent(leftOut.second.value)} on left-out captures, the last layer alone ${percent(leftOut.first.value)}`;
  if (isWanted) return `it was asked for; ${numbers}`;
  return isDeep ? `more layers help: ${numbers}` : `more layers bring nothing that is more than chance: ${numbers}`;
}
