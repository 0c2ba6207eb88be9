// The activation that hides in a quantizer. Where a zero point lies at the end of its type's range, values below (or above) zero saturate:
// quantizers fold Relu and Relu6 into it. Says when that must become a Clip in the float tail; refuses nothing.

import type { DType, Node, Tensor } from '../ir.ts';
import { node as build } from '../made/build.ts';
import { is } from '../operator-traits.ts';
import type { GraphView } from '../view.ts';
import { constant, type Dequantization, emit, madeBy } from './dequantization.ts';
import { quantizedType } from './quantized-type.ts';
import { limitsOf, numbers } from './quantized-values.ts';

/** Least and largest real value that a quantized tensor can hold. */
export interface Limits {
  readonly min: number;
  readonly max: number;
}

/** The limits that a quantizer of the float tensor `name` imposes like an activation; null where it does not. */
export function saturation(state: Dequantization, name: string, node: Node, scale: number, zeroPoint: number): Limits | null {
  if (state.unclipped.has(name) || state.unclipped.has(node.outputs[0] ?? '')) return null;
  return isNonNegative(state.seen, name, (each) => madeBy(state, each))
    ? null
    : limitsAt(state.seen, node, constant(state, node.inputs[scale]), constant(state, node.inputs[zeroPoint]));
}

function limitsAt(seen: GraphView, node: Node, scale: Tensor | null, zeroPoint: Tensor | null): Limits | null {
  return activationLimits(scale, zeroPoint, quantizedType(seen, node, zeroPoint));
}

/** The limits of a quantizer whose zero point lies at an end of its range; null for one that reaches to both sides of zero. */
function activationLimits(scale: Tensor | null, zeroPoint: Tensor | null, dtype: DType): Limits | null {
  if (scale === null) return null;
  const step = numbers(scale)[0] ?? 1;
  const zero = zeroPoint === null ? 0 : (numbers(zeroPoint)[0] ?? 0);
  const [low, high] = limitsOf(dtype);
  if (zero === low) return { min: 0, max: Math.fround((high - zero) * step) };
  return zero === high ? { min: Math.fround((low - zero) * step), max: 0 } : null;
}

/** Whether a tensor cannot be negative, as far as the nodes before it tell. `produced`: who computes one, where that is not the graph itself. */
function isNonNegative(seen: GraphView, name: string, produced: GraphView['producer'] = seen.producer): boolean {
  const producer = produced(name);
  if (producer === undefined) return false;
  if (is(producer, 'not-negative')) return true;
  if (producer.op === 'DequantizeLinear') {
    const [, scale = '', zeroPoint = ''] = producer.inputs;
    return limitsAt(seen, producer, seen.constant(scale), seen.constant(zeroPoint))?.min === 0;
  }
  if (!is(producer, 'within')) return false;
  const inputs = producer.op === 'Concat' ? producer.inputs : producer.inputs.slice(0, 1);
  return inputs.every((input) => isNonNegative(seen, input, produced));
}

/** Whether some quantizer that reads a float tensor of the whole model acts on it like an activation. */
export function isClippedByReaders(seen: GraphView, name: string): boolean {
  const quantizers = seen.readers(name).filter((node) => node.op === 'QuantizeLinear' && node.inputs[0] === name);
  const acts = quantizers.some((node) => limitsAt(seen, node, seen.constant(node.inputs[1]), seen.constant(node.inputs[2])) !== null);
  return acts && !isNonNegative(seen, name);
}

export function emitClip(state: Dequantization, x: string, y: string, limits: Limits): void {
  const scalar = (what: string, value: number) => {
    const name = `${y}/${what}`;
    state.initializers.set(name, { dtype: 'float32', dims: [], data: Float32Array.of(value) });
    return name;
  };
  emit(state, build('Clip', [x, scalar('min', limits.min), scalar('max', limits.max)], [y]));
}

/** The logits and what follows them: an int8 range that calibration happened to find there is no activation. */
export function unclippedEnds(seen: GraphView): readonly string[] {
  const names = seen.graph.outputs.map((output) => output.name);
  for (let at = 0; at < names.length; at++) {
    const producer = seen.producer(names[at] as string);
    if (producer !== undefined && is(producer, 'behind-logits')) names.push(producer.inputs[0] ?? '');
  }
  return names;
}
