// What the classes of a model are called: the card's labels, or numbers where it has none. Refuses a card that names more or fewer classes than
// the model gives (`card-invalid`): every name behind the error would stand at the wrong output.
import { WhetError } from '../errors.ts';

/** A model of one score has two classes; a card may name both, or only what the score speaks for. */
export function classNames(labels: readonly string[], count: number): readonly string[] {
  if (labels.length === 0) return Array.from({ length: count }, (_, index) => `class ${index}`);
  const [only = ''] = labels;
  if (labels.length === 1 && count === 2) return [`not ${only}`, only];
  if (labels.length === count) return labels;
  throw new WhetError('card-invalid', `the model gives ${count} classes, but its card names ${labels.length}`, {
    hint: 'Write every class into "labels" of the model card, in the order of the outputs, or leave "labels" empty.',
  });
}

/** Names that several classes have, and the same list with the number of its class behind each of these. */
export function distinctLabels(labels: readonly string[]): { readonly labels: readonly string[]; readonly shared: readonly string[] } {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const taken = new Set(labels);
  const own = (label: string, index: number) => {
    let name = `${label} (${index})`;
    while (taken.has(name)) name += '′';
    taken.add(name);
    return name;
  };
  const shared = [...counts].flatMap(([label, count]) => (count > 1 ? [label] : []));
  return { labels: labels.map((label, index) => ((counts.get(label) ?? 0) > 1 ? own(label, index) : label)), shared };
}
