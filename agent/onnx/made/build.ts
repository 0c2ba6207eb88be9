// Small constructors for graphs that are written in code: nodes, tensors, attributes, whole models.
import { toInt64 } from '../codec/int64.ts';
import type { Attribute, Dim, DType, Graph, Model, Node, Tensor, ValueInfo } from '../ir.ts';
import { sizeOf } from '../ir.ts';

type AttributeInput = number | string | readonly number[] | readonly string[] | Tensor | Graph | Attribute;

/** An integral number becomes an int attribute; write `attr.float(1)` where the operator wants a float. */
export const attr = {
  int: (value: number): Attribute => ({ kind: 'int', value }),
  float: (value: number): Attribute => ({ kind: 'float', value }),
  floats: (value: readonly number[]): Attribute => ({ kind: 'floats', value }),
};

/** A node; `outputs` and `inputs` are value names, '' leaves an optional input out. */
export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeInput>> = {},
  options: { readonly domain?: string; readonly name?: string } = {},
): Node {
  return {
    op,
    domain: options.domain ?? '',
    name: options.name ?? '',
    inputs,
    outputs,
    attributes: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, toAttribute(value)])),
  };
}

export function value(name: string, shape: readonly Dim[] | null, dtype: DType = 'float32'): ValueInfo {
  return { name, dtype, shape };
}

/** A float32 tensor of the given shape; a plain number fills it. */
export function floats(dims: readonly number[], data: ArrayLike<number> | number): Tensor {
  const array = typeof data === 'number' ? new Float32Array(sizeOf(dims)).fill(data) : Float32Array.from(data);
  return { dtype: 'float32', dims, data: array };
}

/** An int64 tensor; without `dims` a vector. */
export function ints(data: readonly number[], dims: readonly number[] = [data.length]): Tensor {
  return { dtype: 'int64', dims, data: BigInt64Array.from(data, toInt64) };
}

export function graph(
  name: string,
  parts: {
    readonly inputs: readonly ValueInfo[];
    readonly outputs: readonly ValueInfo[];
    readonly nodes: readonly Node[];
    readonly initializers?: Iterable<readonly [string, Tensor]>;
  },
): Graph {
  return {
    name,
    nodes: parts.nodes,
    initializers: new Map(parts.initializers ?? []),
    inputs: parts.inputs,
    outputs: parts.outputs,
    valueInfo: [],
  };
}

/** A model around a graph. IR version 8 is the oldest that opset 17 may come with, so older runtimes read it too. */
export function model(
  body: Graph,
  options: { readonly opset?: number; readonly irVersion?: number; readonly microsoft?: boolean } = {},
): Model {
  const opsets = new Map([['', options.opset ?? 17]]);
  if (options.microsoft) opsets.set('com.microsoft', 1);
  return { irVersion: options.irVersion ?? 8, opsets, producer: 'whetstone', metadata: new Map(), graph: body, functions: [] };
}

function toAttribute(input: AttributeInput): Attribute {
  if (typeof input === 'number') return Number.isInteger(input) ? attr.int(input) : attr.float(input);
  if (typeof input === 'string') return { kind: 'string', value: input };
  if (Array.isArray(input)) return toListAttribute(input);
  if ('kind' in input) return input as Attribute;
  if ('dtype' in input) return { kind: 'tensor', value: input as Tensor };
  return { kind: 'graph', value: input as Graph };
}

function toListAttribute(input: readonly (number | string)[]): Attribute {
  if (input.length > 0 && typeof input[0] === 'string') return { kind: 'strings', value: input as readonly string[] };
  const numbers = input as readonly number[];
  return numbers.every(Number.isInteger) ? { kind: 'ints', value: numbers } : { kind: 'floats', value: numbers };
}
