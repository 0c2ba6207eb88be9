// The values of a float tail's parameters: put in, taken out, compared. Pure; refuses names that the tail does not have and other shapes.
import { WhetError } from '../errors.ts';
import { sizeOf, type Tensor } from './ir.ts';
import type { FloatTail } from './surgery/tail.ts';

/** The current values of all parameters, by name. */
export function weightsOf(tail: FloatTail): ReadonlyMap<string, Tensor> {
  return new Map(tail.parameters.map(({ name }) => [name, tail.model.graph.initializers.get(name) as Tensor]));
}

/** The tail with other values for some of its parameters. */
export function withWeights(tail: FloatTail, weights: ReadonlyMap<string, Tensor>): FloatTail {
  const { graph } = tail.model;
  const initializers = new Map(graph.initializers);
  for (const [name, value] of weights) {
    const parameter = tail.parameters.find((candidate) => candidate.name === name);
    if (parameter === undefined) throw new WhetError('internal', `the tail has no parameter '${name}'`);
    if (value.dtype !== 'float32' || sizeOf(value.dims) !== sizeOf(parameter.dims) || value.data.length !== sizeOf(parameter.dims))
      throw new WhetError(
        'internal',
        `'${name}' is float32 [${parameter.dims}], not ${value.dtype} [${value.dims}] of ${value.data.length} numbers`,
      );
    initializers.set(name, { ...value, dims: parameter.dims });
  }
  return { ...tail, model: { ...tail.model, graph: { ...graph, initializers } } };
}

/** Whether two tensors are the same to the bit. */
export function sameTensor(a: Tensor, b: Tensor): boolean {
  if (a.dtype !== b.dtype || a.dims.length !== b.dims.length || a.dims.some((dim, axis) => dim !== b.dims[axis])) return false;
  if (!ArrayBuffer.isView(a.data) || !ArrayBuffer.isView(b.data)) return JSON.stringify(a.data) === JSON.stringify(b.data);
  return Buffer.from(a.data.buffer, a.data.byteOffset, a.data.byteLength).equals(
    Buffer.from(b.data.buffer, b.data.byteOffset, b.data.byteLength),
  );
}
