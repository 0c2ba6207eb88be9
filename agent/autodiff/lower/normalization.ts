// Normalizations in columns. With fixed statistics one is a factor and a summand a channel.
import { floatAttribute, intAttribute } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/ir.ts';
import type { Draft } from '../draft.ts';
import type { LoweringRule } from './columns.ts';

/** y = scale·x + shift, each [channels, 1]. */
export interface Affine {
  readonly scale: string;
  readonly shift: string;
}

/** What a normalization with fixed statistics computes: scale = w/√(σ² + ε), shift = b − μ·scale; null for every other node. */
export function affineOf(c: Draft, node: Node): Affine | null {
  const isFixed = node.op === 'BatchNormalization' && node.domain === '' && intAttribute(node, 'training_mode', 0) === 0;
  if (!isFixed || node.outputs.length !== 1) return null;
  const [, w, b, mean, variance] = node.inputs as readonly [string, string, string, string, string];
  const column = (name: string) => c.reshape(name, [c.shape(name)[0] as number, 1]);
  const deviation = c.emit('Sqrt', [c.plus(column(variance), floatAttribute(node, 'epsilon', 1e-5))]);
  const scale = c.div(column(w), deviation);
  return { scale, shift: c.sub(column(b), c.mul(column(mean), scale)) };
}

export const batchNormalization: LoweringRule = (l, node) => {
  const [x] = node.inputs as readonly [string];
  const columns = l.held(x);
  if (columns !== null) for (const name of node.inputs.slice(1)) l.plain(name);
  const affine = columns === null ? null : affineOf(l.draft, node);
  if (columns === null || affine === null) return false;
  const y = l.draft.plus(l.draft.mul(columns.value, affine.scale), affine.shift);
  l.hold(node.outputs[0] as string, y, columns.shape);
  return true;
};
