// Operators that enter training as the primitive operators they are made of: operator → function that writes those into the draft, under the
// node's own output names. They need no gradient rule and no shape rule; the model that ships keeps the operator.
import type { Node } from '../onnx/ir.ts';
import type { Draft } from './draft.ts';
import { expandAttention } from './expand/attention.ts';
import { expandCastLike } from './expand/cast-like.ts';
import { expandGru, expandLstm, expandRnn } from './expand/recurrent.ts';

export type Expansion = (c: Draft, node: Node) => void;

export const expansions: ReadonlyMap<string, Expansion> = new Map([
  ['LSTM', expandLstm],
  ['GRU', expandGru],
  ['RNN', expandRnn],
  ['Attention', expandAttention],
  ['CastLike', expandCastLike],
]);
