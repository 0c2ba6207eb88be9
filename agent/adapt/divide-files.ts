// Files of a one-shot job → what is learned from and what judges. Captures of a test that the data has too judge nothing; one capture in two
// classes is named.

import { momentsPerClass } from '../candidate/divide.ts';
import { shownPath } from '../capture/file-names.ts';
import { plentifulMoments, setAsideOneIn } from '../config/setting-aside.ts';
import { holdOut, takeRows } from '../learn/splits.ts';
import type { FeatureSet } from '../types.ts';
import type { LabelledFile } from './class-folders.ts';
import type { Judging } from './judge-candidate.ts';
import { rowsAlso } from './likeness.ts';
import type { EmbeddedFiles } from './pictures.ts';

/** Files named one by one; the others are counted. */
const mostNamed = 5;

export interface Parts {
  readonly train: FeatureSet;
  readonly trainFiles: readonly LabelledFile[];
  readonly views: readonly FeatureSet[];
  /** null where every row is needed for learning. */
  readonly judging: Judging | null;
}

/** Test data judges where it was given; else a part of plentiful data is held out, and of scarce data nothing. */
export function divideFiles(data: EmbeddedFiles, test: Pick<EmbeddedFiles, 'set' | 'files'> | null, classes: number, seed: number): Parts {
  const smallest = Math.min(...momentsPerClass(data.set, classes).filter((groups) => groups > 0));
  if (test !== null || smallest < plentifulMoments) {
    const judging = test === null ? null : { set: test.set, files: test.files, from: 'test' as const };
    return { train: data.set, trainFiles: data.files, views: data.views, judging };
  }
  const { train, holdout } = holdOut(data.set, 1 / setAsideOneIn, seed);
  const filesOf = (rows: readonly number[]) => rows.map((row) => data.files[row]!);
  return {
    train: takeRows(data.set, train),
    trainFiles: filesOf(train),
    views: data.views.map((view) => takeRows(view, train)),
    judging: { set: takeRows(data.set, holdout), files: filesOf(holdout), from: 'holdout' },
  };
}

/** The test without the captures that are also in the data. What is the same in data and test, or in two classes, is noted. */
export function withoutOverlap(
  test: EmbeddedFiles,
  data: EmbeddedFiles,
  labels: readonly string[],
  note: ((sentence: string) => void) | undefined,
): { readonly kept: Pick<EmbeddedFiles, 'set' | 'files'>; readonly overlap: number } {
  noteContradictions(data, labels, note);
  const captures = ({ hashes, set }: EmbeddedFiles) => ({ hashes, features: set.features, width: set.width, labels: set.labels });
  const both = new Set(rowsAlso(captures(test), captures(data)));
  const rows = Array.from({ length: test.set.count }, (_, row) => row).filter((row) => !both.has(row));
  if (both.size > 0)
    note?.(
      `${both.size} of ${test.set.count} test captures are also in the data and do not judge${rows.length === 0 ? '; predictions made without each capture do' : ''}.`,
    );
  return { kept: { set: takeRows(test.set, rows), files: rows.map((row) => test.files[row]!) }, overlap: both.size };
}

function noteContradictions(
  { set, files }: EmbeddedFiles,
  labels: readonly string[],
  note: ((sentence: string) => void) | undefined,
): void {
  const first = new Map<number, number>();
  const pairs: (readonly [number, number])[] = [];
  for (let row = 0; row < set.count; row += 1) {
    const before = first.get(set.groups[row]!);
    if (before === undefined) first.set(set.groups[row]!, row);
    else if (set.labels[before] !== set.labels[row]) pairs.push([before, row]);
  }
  const named = (row: number) => `'${shownPath(files[row]!.path)}' (${labels[set.labels[row]!]})`;
  for (const [a, b] of pairs.slice(0, mostNamed)) note?.(`${named(a)} and ${named(b)} are the same capture in two classes.`);
  if (pairs.length > mostNamed) note?.(`${pairs.length - mostNamed} more captures are in two classes.`);
}
