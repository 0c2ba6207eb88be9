// What values a model's input was made for, as far as the model says: the range of the quantizer that reads it, or of its own integer type.
// A card that makes other values is found out here. Changes nothing, refuses nothing.
import type { Range } from '../onnx/forms/activation-scale.ts';
import { quantizedType } from '../onnx/forms/quantized-type.ts';
import { limitsOf, numbers } from '../onnx/forms/quantized-values.ts';
import type { Model, Node, ValueInfo } from '../onnx/ir.ts';
import { is } from '../onnx/operator-traits.ts';
import { classifierEnds } from '../onnx/surgery/classifier-ends.ts';
import { type GraphView, view } from '../onnx/view.ts';
import { loadModel } from './load.ts';

/** null where the model does not say: float models, and dynamic quantization. */
export function calibratedRange({ graph }: Model, input: ValueInfo): Range | null {
  if (input.dtype === 'uint8' || input.dtype === 'int8') {
    const [min, max] = limitsOf(input.dtype);
    return { min, max };
  }
  const seen = view(graph);
  const open = [input.name];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const node of seen.readers(name)) {
      if (node.inputs[0] !== name) continue;
      if (node.op === 'QuantizeLinear') return rangeOf(seen, node);
      // All of these give the values that they got.
      if (is(node, 'view', 'permutes') || node.op === 'Cast' || node.op === 'Pad') open.push(...node.outputs);
    }
  }
  return null;
}

function rangeOf(seen: GraphView, node: Node): Range | null {
  const scale = seen.constant(node.inputs[1]);
  const zero = seen.constant(node.inputs[2]);
  if (scale === null) return null;
  const [low, high] = limitsOf(quantizedType(seen, node, zero));
  const step = numbers(scale)[0] ?? 1;
  const at = zero === null ? 0 : (numbers(zero)[0] ?? 0);
  return { min: (low - at) * step, max: (high - at) * step };
}

/** Calibration may leave out rare values, so that only ranges that differ by this factor are a contradiction. */
const farApart = 4;

/** The same of a model's file. */
export function cardContradictionOf(path: string, made: Range | null): string | null {
  const { model } = loadModel(path);
  return cardContradiction(model, classifierEnds(model).input, made);
}

/** A sentence where what the card makes cannot be what the model was calibrated for; null where it can. */
export function cardContradiction(model: Model, input: ValueInfo, made: Range | null): string | null {
  const wanted = calibratedRange(model, input);
  if (wanted === null || made === null) return null;
  const overlap = Math.min(made.max, wanted.max) - Math.max(made.min, wanted.min);
  const widest = Math.max(made.max - made.min, wanted.max - wanted.min);
  if (!(widest > 0) || overlap * farApart >= widest) return null;
  return `The card makes inputs from ${text(made)}, but the model's first quantizer was made for ${text(wanted)}: "range", "mean" or "std" of the card cannot be right`;
}

const text = ({ min, max }: Range) => `${Number(min.toPrecision(3))} to ${Number(max.toPrecision(3))}`;

export interface InputWatch {
  see(input: Float32Array): void;
  /** A sentence where what was seen cannot be what the model was calibrated for; null where it can, or nothing was seen. */
  contradiction(): string | null;
}

/** Share of the numbers that may lie outside, and share of the range that they must fill together. */
const mostOutside = 0.5;
const leastFilled = 0.05;

/** Looks at the inputs that a card makes of real captures. null where the model does not say what it was calibrated for. */
export function watchInputs(model: Model, input: ValueInfo): InputWatch | null {
  const wanted = calibratedRange(model, input);
  if (wanted === null) return null;
  // What a quantizer rounds to its last step is inside.
  const slack = (wanted.max - wanted.min) / 255;
  let [count, outside, min, max] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  return {
    see(values) {
      count += values.length;
      for (const value of values) {
        if (value < wanted.min - slack || value > wanted.max + slack) outside += 1;
        if (value < min) min = value;
        if (value > max) max = value;
      }
    },
    contradiction() {
      if (count === 0) return null;
      const made = `The card makes inputs from ${text({ min, max })} of these captures`;
      const cannot = '"range", "mean" or "std" of the card cannot be right';
      if (outside > mostOutside * count)
        return `${made}, of which ${Math.round((100 * outside) / count)} % lie outside of ${text(wanted)}, which the model's first quantizer was made for: ${cannot}`;
      if (max - min < leastFilled * (wanted.max - wanted.min))
        return `${made}, which is less than 5 % of ${text(wanted)}, which the model's first quantizer was made for: ${cannot}, or there is nothing to see or hear in them`;
      return null;
    },
  };
}
