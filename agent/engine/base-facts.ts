// The base model beside releases: what its file, its card and its cut say of it.
import { statSync } from 'node:fs';
import type { ModelCard } from '../config/card.ts';
import { classNames } from '../config/labels.ts';
import type { BaseFacts } from '../types.ts';

/** `opened.classes` is the number of classes that the model gives. */
export function baseFacts(
  file: string,
  card: ModelCard,
  opened: Pick<BaseFacts, 'sha256' | 'backbone' | 'cut'> & { readonly classes: number },
): BaseFacts {
  const { sha256, backbone, cut, classes } = opened;
  const { size, mtimeMs } = statSync(file);
  return { name: card.name, sha256, backbone, cut, classes: classNames(card.labels, classes), bytes: size, createdAtMs: mtimeMs };
}
