// Whether a model that was written still has the backbone that features were made with, to the bit: only then do those features stand for the
// captures. Compares the part before the cut, nodes, names and weights, without running anything.
import { createHash } from 'node:crypto';
import { WhetError } from '../errors.ts';
import { encodeModel } from '../onnx/codec/encode.ts';
import type { Model } from '../onnx/ir.ts';
import { findCut } from '../onnx/surgery/cut.ts';
import { splitModel } from '../onnx/surgery/split.ts';
import type { Classifier } from './open.ts';

export function hasSameBackbone(model: Model, { cut, backboneHash }: Pick<Classifier, 'cut' | 'backboneHash'>): boolean {
  try {
    const { backbone } = splitModel(model, findCut(model, { kind: 'tensor', tensor: cut.tensor }));
    return createHash('sha256').update(encodeModel(backbone)).digest('hex') === backboneHash;
  } catch (error) {
    // A model that cannot be cut there is another one.
    if (error instanceof WhetError) return false;
    throw error;
  }
}
