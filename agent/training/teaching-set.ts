// What a run can learn from: the store's labelled samples of this backbone, and the classes that they make. Takes rows and the base model's
// classes, gives a feature set with the sample behind each row; labels that do not fit are counted and named, never guessed.
import { type ClassMode, type ClassPlan, planClasses } from '../candidate/class-plan.ts';
import { isClassName } from '../config/class-name.ts';
import { labelsLike, matchLabel } from '../config/class-names.ts';
import type { FeatureSet } from '../types.ts';

export interface LabelledSample {
  readonly id: string;
  readonly features: Float32Array;
  readonly label: string;
  /** null: it came too late for this run, which leaves it out. */
  readonly moment: number | null;
  /** Its moment was set aside for judging. */
  readonly judges: boolean;
}

export interface TeachingSet {
  readonly plan: ClassPlan;
  readonly set: FeatureSet;
  /** Sample behind each row. */
  readonly ids: readonly string[];
  /** Rows that were set aside for judging. */
  readonly judges: readonly boolean[];
  /** Labels that this run leaves out, with their number of samples. */
  readonly leftOut: ReadonlyMap<string, number>;
}

/** null where nothing can be learned from: no label fits, or replaced classes are fewer than two. */
/** `known`: names of the model's classes, of which the first `own` are the base model's. */
export function teachingSet(
  all: readonly LabelledSample[],
  mode: ClassMode,
  { known, own }: { readonly known: readonly string[]; readonly own: number },
  width: number,
  options: { readonly minPerClass: number },
): TeachingSet | null {
  const { minPerClass } = options;
  const samples = all.filter(({ moment }) => moment !== null);
  const counts = new Map<string, number>();
  for (const { label } of samples) counts.set(label, (counts.get(label) ?? 0) + 1);
  const usable = [...counts].filter(([label, count]) => {
    // One that came in before it was looked at would fail every run.
    if (!isClassName(label)) return false;
    const like = mode === 'replace' ? [] : labelsLike(label, known);
    // A label that may mean several classes would teach one as another.
    if (like.length > 1) return false;
    return like.length === 1 || (mode !== 'keep' && count >= minPerClass);
  });
  if (usable.length < (mode === 'replace' ? 2 : 1)) return null;
  const names = usable.map(([label]) => label).sort();
  const planned = planClasses(mode, names, known, known.length);
  // A class that came with a deployed release is not one of the base's own: its place in the tail is new.
  const plan = { ...planned, mapping: planned.mapping.map((from) => (from !== null && from < own ? from : null)) };
  const indexOf = new Map(names.map((name) => [name, matchLabel(name, plan.labels) as number]));
  const rows = samples.filter(({ label }) => indexOf.has(label));
  const features = new Float32Array(rows.length * width);
  for (const [row, sample] of rows.entries()) features.set(sample.features, row * width);
  const leftOut = new Map([...counts].filter(([label]) => !indexOf.has(label)));
  const labels = Int32Array.from(rows, ({ label }) => indexOf.get(label) as number);
  const set = { features, count: rows.length, width, labels, groups: groupsOf(rows) };
  return { plan, set, ids: rows.map(({ id }) => id), judges: rows.map(({ judges }) => judges), leftOut };
}

/** Moments, numbered from 0. */
function groupsOf(rows: readonly LabelledSample[]): Int32Array {
  const numbers = new Map<number | null, number>();
  return Int32Array.from(rows, ({ moment }) => {
    const number = numbers.get(moment) ?? numbers.size;
    numbers.set(moment, number);
    return number;
  });
}
