// CastLike as the Cast that it is: the type of the second input is known when the graph is written.
import { type DType, dataTypes } from '../../onnx/ir.ts';
import type { Expansion } from '../expand.ts';

/** Number of an element type in an ONNX file. */
export function typeNumber(dtype: DType): number {
  return Number(Object.entries(dataTypes).find(([, name]) => name === dtype)?.[0]);
}

export const expandCastLike: Expansion = (c, node) => {
  const [x = '', like = ''] = node.inputs;
  c.add({ ...node, op: 'Cast', inputs: [x], attributes: { ...node.attributes, to: { kind: 'int', value: typeNumber(c.dtypeOf(like)) } } });
};
