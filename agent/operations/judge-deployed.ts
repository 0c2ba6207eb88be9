// What a release from elsewhere is worth here: its answers and those of what predicts now, on the samples that people labelled on this device.
// Refuses none where there are too few to tell; a deployment is a wish of the fleet's owner, and only proof that it is worse outweighs it.

import type { DeviceParts } from '../engine/parts.ts';
import { proportion } from '../learn/evaluate.ts';
import { comparePaired } from '../learn/paired.ts';
import { recordOf } from '../tasks/table.ts';
import type { Proportion, TailChoice, Verdict } from '../types.ts';

export interface JudgedDeployment {
  readonly verdict: Verdict;
  readonly before: Proportion | null;
  readonly after: Proportion | null;
}

/** The newest labelled samples that are asked; more would say the same. */
const mostRows = 1000;

export async function judgeDeployed(
  { store, base, activation, answers }: Pick<DeviceParts, 'store' | 'base' | 'activation' | 'answers'>,
  deployed: TailChoice,
): Promise<JudgedDeployment> {
  const rows = [...store.features.labelled(base.backbone)].slice(-mostRows);
  if (rows.length === 0) {
    const reason = 'No sample is labelled on this device: nothing here says how well it does.';
    return { verdict: { kind: 'accepted', reason }, before: null, after: null };
  }
  const features = rows.map((row) => row.features);
  const right = async (choice: TailChoice) =>
    (await answers(choice, features)).map((answer, row) => recordOf(answer).word(answer) === rows[row]!.label);
  const [before, after] = [await right(await activation.current()), await right(deployed)];
  // A burst is one observation: its rows would only pretend to be many.
  const moments = Map.groupBy(rows.keys(), (row) => rows[row]!.moment ?? -1 - row);
  const mostly = (rights: readonly boolean[]) => [...moments.values()].map((of) => 2 * of.filter((row) => rights[row]).length > of.length);
  const { low, high } = comparePaired(mostly(before), mostly(after));
  const shares = { before: shareOf(before), after: shareOf(after) };
  const said = `${percent(shares.after)} of ${rows.length} labelled samples of this device right, ${percent(shares.before)} before`;
  if (high < 0) return { verdict: { kind: 'rejected', reason: `Worse here: ${said}.` }, ...shares };
  const kind = low > 0 ? 'Better here' : 'Not worse here';
  return { verdict: { kind: 'accepted', reason: `${kind}: ${said}.` }, ...shares };
}

function shareOf(rights: readonly boolean[]): Proportion {
  return proportion(rights.filter(Boolean).length, rights.length);
}

function percent({ value }: Proportion): string {
  return `${(100 * value).toFixed(1)} %`;
}
