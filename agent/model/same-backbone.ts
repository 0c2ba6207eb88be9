// Whether a model that was written still has the backbone that features were made with, to the bit: only then do those features stand for the
// captures. Compares the part before the cut, nodes, names and weights, without running anything.
import { WhetError } from '../errors.ts';
import type { Model } from '../onnx/ir.ts';
import { backboneHash } from './backbone-hash.ts';
import type { Classifier } from './open.ts';

export function hasSameBackbone(model: Model, classifier: Pick<Classifier, 'cut' | 'backboneHash'>): boolean {
  try {
    return backboneHash(model, classifier.cut.tensor) === classifier.backboneHash;
  } catch (error) {
    // A model that cannot be cut there is another one.
    if (error instanceof WhetError) return false;
    throw error;
  }
}
