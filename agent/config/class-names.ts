// Which names mean the same class. People write "My Cat", "my-cat" and "my_cat"; but -1 is not 1, A- is not A and left_ is not left. The nearest
// meaning wins: equal, then equal but for case, then but for what stands between words, then one of several names of one class.

type Likeness = (name: string) => string;

const exact: Likeness = (name) => name.normalize('NFC').trim();
const caseless: Likeness = (name) => exact(name).toLowerCase();
/** A minus in front of a number is not what stands between words. */
const wordless: Likeness = (name) =>
  caseless(name).replaceAll(/(?<=[\p{L}\p{M}\p{N}])[\s_-]+(?=[\p{L}\p{N}])/gu, (between, at: number, whole: string) =>
    /[\s_]-$/.test(between) && /\p{N}/u.test(whole[at + between.length] ?? '') ? ' -' : ' ',
  );
const likenesses: readonly Likeness[] = [exact, caseless, wordless];

/** Indices of the labels that a name may mean: one where it is clear, several where it is not, none where no label is like it. */
export function labelsLike(name: string, labels: readonly string[]): readonly number[] {
  const whole = labels.map((label) => [label]);
  const parts = labels.map((label) => label.split(','));
  for (const names of [whole, parts]) {
    for (const like of likenesses) {
      const wanted = like(name);
      const found = names.flatMap((known, index) => (known.some((one) => like(one) === wanted) ? [index] : []));
      if (found.length > 0) return found;
    }
  }
  return [];
}

/** Index of the label that a name means; null where none is like it, or several are. */
export function matchLabel(name: string, labels: readonly string[]): number | null {
  const [first, ...others] = labelsLike(name, labels);
  return first === undefined || others.length > 0 ? null : first;
}

/** The first of each group of names that mean one class, in their order. Single characters differ by case too: C is another letter than c. */
export function distinctNames(names: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return names.filter((name) => {
    const key = /^.$/u.test(exact(name)) ? exact(name) : wordless(name);
    return seen.has(key) ? false : seen.add(key);
  });
}
