// Linear layers behind columns: what was pooled to one place an image is [channels, batch], and enters a matrix product transposed, for nothing.
import { intAttribute } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/ir.ts';
import type { Lowering, LoweringRule } from './columns.ts';

/** The columns of a layer's first input, where it is [batch, channels] and no other input is in columns. */
function flat(l: Lowering, node: Node): string | null {
  const [x, ...rest] = node.inputs as readonly [string];
  const columns = l.held(x);
  return columns === null || columns.shape.length !== 2 || rest.some((name) => l.held(name) !== null) ? null : columns.value;
}

export const gemm: LoweringRule = (l, node) => {
  const x = flat(l, node);
  if (x === null || intAttribute(node, 'transA', 0) !== 0) return false;
  l.draft.add({ ...node, inputs: [x, ...node.inputs.slice(1)], attributes: { ...node.attributes, transA: { kind: 'int', value: 1 } } });
  return true;
};

export const matMul: LoweringRule = (l, node) => {
  const x = flat(l, node);
  if (x === null || l.shape(node.inputs[1] as string).length !== 2) return false;
  const attributes = { transA: { kind: 'int', value: 1 } } as const;
  l.draft.add({ ...node, op: 'Gemm', inputs: [x, node.inputs[1] as string], attributes });
  return true;
};
