// Which backbone a model has: the hash of its part before a cut. Two models with the same one give the same features, to the bit.
import { createHash } from 'node:crypto';
import { encodeModel } from '../onnx/codec/encode.ts';
import type { Model } from '../onnx/ir.ts';
import { findCut } from '../onnx/surgery/cut.ts';
import { splitModel } from '../onnx/surgery/split.ts';

/** `cut` is the name of a tensor; throws `cut-impossible` where the model cannot be cut there. */
export function backboneHash(model: Model, cut: string): string {
  const { backbone } = splitModel(model, findCut(model, { kind: 'tensor', tensor: cut }));
  return createHash('sha256').update(encodeModel(backbone)).digest('hex');
}
