// What a run can learn from: the store's labelled samples of this backbone, and the classes that they make. Takes rows and the base model's
// classes, gives a feature set with the sample behind each row; labels that do not fit are counted and named, never guessed.
import { type ClassMode, type ClassPlan, matchLabel, planClasses } from '../adapt/class-folders.ts';
import { groupBursts } from '../learn/splits.ts';
import type { FeatureSet } from '../types.ts';

export interface LabelledSample {
  readonly id: string;
  readonly source: string;
  readonly timeMs: number;
  readonly features: Float32Array;
  readonly label: string;
  readonly hash: bigint;
}

export interface TeachingSet {
  readonly plan: ClassPlan;
  readonly set: FeatureSet;
  /** Sample behind each row. */
  readonly ids: readonly string[];
  /** Labels that this run leaves out, with their number of samples. */
  readonly leftOut: ReadonlyMap<string, number>;
}

/** Frames of one source within this time show the same moment. */
const burstMs = 2000;

/** null where nothing can be learned from: no label fits, or replaced classes are fewer than two. */
export function teachingSet(
  samples: readonly LabelledSample[],
  mode: ClassMode,
  known: readonly string[],
  width: number,
  options: { readonly minPerClass: number; readonly separate: readonly string[] },
): TeachingSet | null {
  const { minPerClass } = options;
  const counts = new Map<string, number>();
  for (const { label } of samples) counts.set(label, (counts.get(label) ?? 0) + 1);
  const usable = [...counts].filter(([label, count]) => {
    const isKnown = mode !== 'replace' && matchLabel(label, known) !== null;
    return isKnown || (mode !== 'keep' && count >= minPerClass);
  });
  if (usable.length < (mode === 'replace' ? 2 : 1)) return null;
  const names = usable.map(([label]) => label).sort();
  const plan = planClasses(
    mode,
    names.map((name) => ({ name, files: [name] })),
    known,
    known.length,
  );
  const indexOf = new Map(names.map((name) => [name, matchLabel(name, plan.labels) as number]));
  const rows = samples.filter(({ label }) => indexOf.has(label));
  const features = new Float32Array(rows.length * width);
  for (const [row, sample] of rows.entries()) features.set(sample.features, row * width);
  const leftOut = new Map([...counts].filter(([label]) => !indexOf.has(label)));
  const labels = Int32Array.from(rows, ({ label }) => indexOf.get(label) as number);
  const set = { features, count: rows.length, width, labels, groups: groupsOf(rows, options.separate) };
  return { plan, set, ids: rows.map(({ id }) => id), leftOut };
}

/** Moments: bursts of a source in time. Files in a folder carry the time of a copy, and utterances are apart: there only equal ones are one. */
function groupsOf(rows: readonly LabelledSample[], separate: readonly string[]): Int32Array {
  const bursts = groupBursts(rows, burstMs);
  const numbers = new Map<string, number>();
  return Int32Array.from(rows, ({ source, hash }, row) => {
    const key = separate.includes(source) ? `${source} ${hash}` : `burst ${bursts[row]}`;
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    return number;
  });
}
