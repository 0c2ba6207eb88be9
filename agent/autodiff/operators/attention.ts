// Attention of ai.onnx (opset 23) as its products: y = softmax(q·kᵀ·scale + mask)·v. Takes [batch, heads, length, width] or
// [batch, length, heads·width], and groups of query heads that share a key; refuses caches of past keys and soft caps.
import { WhetError } from '../../errors.ts';
import { floatAttribute, intAttribute, nodeTitle } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/ir.ts';
import type { Draft } from '../draft.ts';
import type { Expansion, Family } from '../operator.ts';
import { give } from './unroll.ts';

/** Low enough that its exponential is 0. */
const excluded = -1e30;

/** Vaswani et al. 2017; shared keys: Ainslie et al. 2023. */
const expandAttention: Expansion = (c, node) => {
  const [qIn = '', kIn = '', vIn = '', mask = ''] = node.inputs;
  const [y = '', ...more] = node.outputs;
  if (node.inputs.slice(4).some((name) => name !== '') || more.some((name) => name !== ''))
    throw refused(node, 'keeps past keys and values');
  if (c.dtypeOf(qIn) !== c.dtype) throw refused(node, `computes in ${c.dtypeOf(qIn)}`);
  if (floatAttribute(node, 'softcap', 0) !== 0) throw refused(node, 'caps its scores softly (softcap)');
  const isFlat = c.shape(qIn).length === 3;
  const q = byHead(c, qIn, intAttribute(node, 'q_num_heads', 0));
  const [, heads = 1, length = 1, width = 1] = c.shape(q);
  const [k, v] = [kIn, vIn].map((name) => repeated(c, byHead(c, name, intAttribute(node, 'kv_num_heads', 0)), heads)) as [string, string];
  const keys = c.shape(k)[2] as number;
  const scale = floatAttribute(node, 'scale', 1 / Math.sqrt(width));
  const scores = c.mul(c.emit('MatMul', [q, c.transpose(k, [0, 1, 3, 2])]), scale);
  const isCausal = intAttribute(node, 'is_causal', 0) !== 0;
  const isChoice = mask !== '' && c.dtypeOf(mask) === 'bool';
  const choice = !isChoice ? null : isCausal ? c.emit('And', [mask, c.emit('Equal', [past(c, `${y}/past`, length, keys), 0])]) : mask;
  const seen = choice !== null ? c.where(choice, scores, excluded) : mask === '' ? scores : c.plus(scores, mask);
  const allowed = isCausal && choice === null ? c.plus(seen, past(c, `${y}/past`, length, keys)) : seen;
  const shares = c.emit('Softmax', [allowed], { axis: -1 });
  // What sees nothing gets nothing: its softmax would be the mean of all.
  const mixed = c.emit('MatMul', [choice === null ? shares : c.where(choice, shares, 0), v]);
  const [batch = 1, , , inner = 1] = c.shape(mixed);
  give(c, y, isFlat ? c.reshape(c.transpose(mixed, [0, 2, 1, 3]), [batch, length, heads * inner]) : mixed);
};

/** [batch, length, heads·width] → [batch, heads, length, width]; what has four axes stays. */
function byHead(c: Draft, x: string, heads: number): string {
  const [batch = 1, length = 1, width = 1, last] = c.shape(x);
  return last === undefined ? c.transpose(c.reshape(x, [batch, length, heads, width / heads]), [0, 2, 1, 3]) : x;
}

/** Every head of keys or values serves the same number of query heads. */
function repeated(c: Draft, x: string, heads: number): string {
  const [batch = 1, own = 1, length = 1, width = 1] = c.shape(x);
  if (own === heads) return x;
  const wide = c.emit('Expand', [c.reshape(x, [batch, own, 1, length, width]), c.ints([batch, own, heads / own, length, width])]);
  return c.reshape(wide, [batch, heads, length, width]);
}

/** 0 where a key is not later than the query, else so low that it does not count. */
function past(c: Draft, name: string, length: number, keys: number): string {
  const values = Array.from({ length: length * keys }, (_, at) => (at % keys <= Math.floor(at / keys) ? 0 : excluded));
  return c.constant(name, {
    dtype: c.dtype,
    dims: [length, keys],
    data: c.dtype === 'float32' ? Float32Array.from(values) : Float64Array.from(values),
  });
}

function refused(node: Node, what: string): WhetError {
  return new WhetError('operator-unsupported', `node ${nodeTitle(node)} ${what}; training does not know that`, {
    hint: 'Train fewer layers (--layers), so that this node stays in the frozen part.',
  });
}

export const attention: Family = { Attention: { expand: expandAttention } };
