// One operator with random inputs and attributes, and what is known about it: the material of the tests of gradient rules.
import type * as tf from '@tensorflow/tfjs-core';
import { type Node, sizeOf, type Tensor } from '../../agent/onnx/ir.ts';
import { node as makeNode } from '../../agent/onnx/made/build.ts';
import type { Random } from './random.ts';

export interface Input {
  readonly dims: readonly number[];
  readonly values: readonly number[];
}

export interface Case {
  readonly node: Node;
  /** Real inputs, in order of the node's inputs that are named x0, x1, …; every one gets its gradient checked. */
  readonly inputs: readonly Input[];
  /** Inputs that have no gradient: axes, indices, limits. */
  readonly constants: ReadonlyMap<string, Tensor>;
  /** The same function in TensorFlow.js, where it has it. */
  readonly tensorflow: ((...inputs: tf.Tensor[]) => tf.Tensor) | null;
  /** 'any': the same from opset 17 on. */
  readonly opset: number | 'any';
  /** Whether the runtime has the operator in double precision. */
  readonly double: boolean;
  /** Linear in each element of each input: a large difference is exact then, also in single precision. */
  readonly linear: boolean;
}

interface CaseOptions {
  readonly attributes?: Parameters<typeof makeNode>[3];
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly tensorflow?: (...inputs: tf.Tensor[]) => tf.Tensor;
  readonly opset?: number;
  readonly double?: boolean;
  readonly linear?: boolean;
  readonly outputs?: number;
  /** Names of all inputs, where others stand between the real ones. */
  readonly names?: readonly string[];
}

/** `op` may carry its domain, as in the rule table. */
export function makeCase(op: string, inputs: readonly Input[], options: CaseOptions = {}): Case {
  const [domain, name] = op.includes(':') ? op.split(':') : ['', op];
  const constants = new Map(Object.entries(options.constants ?? {}));
  const names = options.names ?? [...inputs.map((_, index) => `x${index}`), ...constants.keys()];
  const outputs = Array.from({ length: options.outputs ?? 1 }, (_, index) => `y${index}`);
  return {
    node: makeNode(name as string, names, outputs, options.attributes ?? {}, { domain: domain as string, name: `the ${name}` }),
    inputs,
    constants,
    tensorflow: options.tensorflow ?? null,
    opset: options.opset ?? 'any',
    double: options.double ?? true,
    linear: options.linear ?? false,
  };
}

/**
 * Values on a grid of eighths in [-2.5, 2.5], shifted by a little that differs between inputs: so no value comes near a kink (which stand at
 * eighths) and no two inputs come near each other.
 */
export function values(r: Random, dims: readonly number[], shift = 0.03): Input {
  return { dims, values: Array.from({ length: sizeOf(dims) }, () => r.int(-20, 20) / 8 + shift) };
}

/** As `values`, but in [low, high]. */
export function between(r: Random, dims: readonly number[], low: number, high: number): Input {
  return { dims, values: Array.from({ length: sizeOf(dims) }, () => low + (high - low) * r.next()) };
}

/** All different, at least an eighth apart. */
export function distinct(r: Random, dims: readonly number[]): Input {
  const order = r.permutation(sizeOf(dims));
  return { dims, values: order.map((rank) => rank / 8 - 1.03) };
}

/** Different from zero by at least a half. */
export function awayFromZero(r: Random, dims: readonly number[]): Input {
  return { dims, values: Array.from({ length: sizeOf(dims) }, () => (0.5 + 2 * r.next()) * (r.flag() ? 1 : -1)) };
}
