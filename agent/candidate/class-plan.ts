// Names that folders or people gave → the classes of the new model, and which class of the base each of them continues. Refuses names that may
// mean several classes, and those that the model does not have where its classes are to be kept (`data-unusable`, with what would help).
import { isClassName } from '../config/class-name.ts';
import { distinctNames, labelsLike, matchLabel } from '../config/class-names.ts';
import { nearestName } from '../config/nearest-name.ts';
import { WhetError } from '../errors.ts';

export type ClassMode = 'keep' | 'extend' | 'replace';

export interface ClassPlan {
  /** Names of the new model's classes, in the order of its outputs. */
  readonly labels: readonly string[];
  /** For each of them the class of the base model that it continues; null where it is new. */
  readonly mapping: readonly (number | null)[];
}

/** `names` are those of folders or labels; `known` are the base model's class names, in order; [] where no card names them. */
export function planClasses(mode: ClassMode, names: readonly string[], known: readonly string[], classes: number): ClassPlan {
  const unfit = names.find((name) => !isClassName(name));
  if (unfit !== undefined) {
    throw new WhetError('data-unusable', `${JSON.stringify(unfit)} cannot be the name of a class`, {
      hint: 'Names have at most 200 characters and no control characters.',
    });
  }
  if (mode === 'replace') {
    const labels = distinctNames(names);
    if (labels.length < 2) {
      throw new WhetError('data-unusable', `a classifier needs two classes; the data has ${labels.length} folder with files in it`, {
        hint: 'Add a folder of something else: what is seen or heard when the class is not there.',
      });
    }
    return { labels, mapping: labels.map(() => null) };
  }
  if (known.length !== classes) {
    throw new WhetError('card-invalid', `the model gives ${classes} classes, but its card names ${known.length}`, {
      hint: 'Write every class into "labels" of the model card, in the order of the outputs, or use --classes replace.',
    });
  }
  requireClear(names, known);
  const unknown = distinctNames(names.filter((name) => matchLabel(name, known) === null));
  const same = known.map((_, index) => index);
  if (mode === 'extend') return { labels: [...known, ...unknown], mapping: [...same, ...unknown.map(() => null)] };
  if (unknown.length > 0) throw unknownLabels(unknown, known);
  return { labels: known, mapping: same };
}

/** Refuses names that may mean several classes: a guess would teach one class as another. */
export function requireClear(names: readonly string[], labels: readonly string[]): void {
  for (const name of names) {
    const like = labelsLike(name, labels).map((index) => `'${labels[index]}'`);
    if (like.length < 2) continue;
    throw new WhetError('data-unusable', `'${name}' may mean the classes ${like.slice(0, -1).join(', ')} or ${like.at(-1)}`, {
      hint: 'Rename the folder exactly like the class in the model card that it holds.',
    });
  }
}

export function unknownLabels(names: readonly string[], labels: readonly string[]): WhetError {
  const shown = names.slice(0, 5).map((name) => {
    const near = nearestName(name, labels);
    return near === undefined || near === null ? `'${name}'` : `'${name}' (did you mean '${near}'?)`;
  });
  const rest = names.length > 5 ? ` and ${names.length - 5} more` : '';
  return new WhetError('data-unusable', `no class of the model is called ${shown.join(', ')}${rest}`, {
    hint: 'Rename the folders after the labels of the model card, or use --classes extend to add classes, --classes replace to begin anew.',
  });
}
