// "Did you mean …": the known name that is nearest to a misspelt one, or null where none is near.

export function nearestName(wrong: string, known: readonly string[]): string | null {
  // A unit left off: `stall` for stallSeconds.
  const longer = known.filter((name) => wrong.length >= 3 && plain(name).startsWith(plain(wrong)));
  if (longer.length === 1) return longer[0]!;
  const ranked = known
    .map((name) => ({ name, distance: editDistance(plain(wrong), plain(name)) }))
    .sort((left, right) => left.distance - right.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(1, Math.floor(wrong.length / 3)) ? best.name : null;
}

/** `frames_per_second` and `frames-per-second` mean framesPerSecond. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_ ]/g, '');
}

/** Levenshtein distance with swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, substitution, swapped ? rows[i - 2]![j - 2]! + 1 : Infinity);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
