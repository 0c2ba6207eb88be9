// The one table of quantization forms, and what is asked of all of them: a new form is one record and one line.
import type { Node } from '../ir.ts';
import type { Dequantization } from './dequantization.ts';
import { dynamic } from './dynamic.ts';
import { float } from './float.ts';
import type { Form, LayerKind, Quantization } from './form.ts';
import { qdq } from './qdq.ts';
import { qoperator } from './qoperator.ts';

/** In the order in which they are asked: what no form of quantization knows is float. */
const all: readonly Form[] = [qdq, qoperator, dynamic, float];

export const forms = { none: float, qdq, qoperator, dynamic } satisfies Readonly<Record<Quantization, Form>>;

/** Where a node of this operator would have weights, and the form that it means; null for an operator that owns none. */
export function layerKind(op: string): (LayerKind & { readonly form: Quantization }) | null {
  const form = all.find(({ layers }) => Object.hasOwn(layers, op));
  const kind = form?.layers[op];
  return form === undefined || kind === undefined ? null : { ...kind, form: form.kind };
}

/** Which inputs of an operator hold scale and zero point of its output; null where that is not quantized, or not by constants. */
export function outputScale(op: string): readonly [number, number] | null {
  return (
    all.map((form) => (Object.hasOwn(form.outputScale, op) ? form.outputScale[op] : undefined)).find((inputs) => inputs !== undefined) ??
    null
  );
}

/** What would help where an operator cannot become float; null where it can, or is unknown. */
export function refusal({ op }: Node): string | null {
  return all.map(({ refused }) => (Object.hasOwn(refused, op) ? refused[op] : undefined)).find((help) => help !== undefined) ?? null;
}

/** Writes a node of a quantized form in float; false where it is an ordinary operator. */
export function lowerQuantized(state: Dequantization, node: Node): boolean {
  return all.some(({ lower }) => Object.hasOwn(lower, node.op) && lower[node.op]?.(state, node) === true);
}
