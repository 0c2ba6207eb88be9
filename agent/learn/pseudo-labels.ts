// Predictions of unlabelled captures and of their varied copies → the labels that all of them agree on. What is not agreed on gets none. Pure;
// whether learning from such labels helped is for the gate to say, on labels that a person gave.

export interface PseudoLabels {
  /** Rows that got a label, in order. */
  readonly rows: readonly number[];
  readonly labels: Int32Array;
  /** Mean probability of the label over all copies, [rows]. */
  readonly confidences: Float32Array;
}

/**
 * `views` are probabilities [count, classes] of the same captures, as they are and varied. A row gets a label where every view names it first
 * and their mean gives it at least `confidence`; of each class at most `perClass` rows, the surest first, because a model that is
 * wrong is most often wrong towards one class.
 */
export function agreedLabels(
  views: readonly Float32Array[],
  classes: number,
  { confidence, perClass }: { readonly confidence: number; readonly perClass: number },
): PseudoLabels {
  const count = (views[0]?.length ?? 0) / classes;
  const agreed: { readonly row: number; readonly label: number; readonly sure: number }[] = [];
  for (let row = 0; row < count; row += 1) {
    const label = topOf(views[0]!, row, classes);
    if (!views.every((view) => topOf(view, row, classes) === label)) continue;
    const sure = views.reduce((sum, view) => sum + view[row * classes + label]!, 0) / views.length;
    if (sure >= confidence) agreed.push({ row, label, sure });
  }
  const taken = new Map<number, number>();
  const kept = agreed
    .sort((a, b) => b.sure - a.sure || a.row - b.row)
    .filter(({ label }) => {
      const before = taken.get(label) ?? 0;
      taken.set(label, before + 1);
      return before < perClass;
    })
    .sort((a, b) => a.row - b.row);
  return {
    rows: kept.map(({ row }) => row),
    labels: Int32Array.from(kept, ({ label }) => label),
    confidences: Float32Array.from(kept, ({ sure }) => sure),
  };
}

function topOf(probabilities: Float32Array, row: number, classes: number): number {
  let best = 0;
  for (let label = 1; label < classes; label += 1)
    if (probabilities[row * classes + label]! > probabilities[row * classes + best]!) best = label;
  return best;
}
