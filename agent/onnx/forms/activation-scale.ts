// The scale that a model fixes for an activation, both ways: noted when the tail becomes float, and made to fit again when weights have changed.
import { WhetError } from '../../errors.ts';
import { type Node, sizeOf } from '../ir.ts';
import { is } from '../operator-traits.ts';
import type { ActivationScale, FloatTail } from '../surgery/tail.ts';
import { type GraphView, view } from '../view.ts';
import { constant, type Dequantization, floatName, needConstant, optionalSlot, slot } from './dequantization.ts';
import { quantizedType } from './quantized-type.ts';
import { asymmetricScale, floatTensor, limitsOf, numbers, quantizeTensor } from './quantized-values.ts';
import { readSlot, type SlotWrite } from './slots.ts';

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** The tensor whose scale `name` has: back through what passes quantized values on as they are, to whatever computed them. */
function quantizedRoot(seen: GraphView, name: string): string {
  let root = name;
  for (let producer = seen.producer(root); producer !== undefined && is(producer, 'keeps-scale'); producer = seen.producer(root)) {
    root = producer.inputs[0] ?? '';
  }
  return root;
}

/** Says that the model fixes the scale of this float tensor at these inputs. */
export function addActivation(state: Dequantization, tensor: string, node: Node, scale: number, zeroPoint: number): void {
  const root = quantizedRoot(state.seen, tensor);
  const zero = constant(state, node.inputs[zeroPoint]);
  state.activations.push({
    tensor: floatName(state, root),
    scale: slot(node, scale),
    zeroPoint: optionalSlot(node, zeroPoint),
    base: {
      scale: numbers(needConstant(state, node, scale, 'scale'))[0] ?? 1,
      zeroPoint: zero === null ? 0 : (numbers(zero)[0] ?? 0),
      dtype: quantizedType(state.seen, node, zero),
    },
  });
}

/** Tensors of the float tail whose ranges decide scales that the model fixes. Empty for float and dynamically quantized models. */
export function calibrationTensors(tail: FloatTail): readonly string[] {
  return [...new Set(tail.activations.map(({ tensor }) => tensor))];
}

/**
 * Quantizers give probabilities the step 1/256, whatever the weights. The runtime's fused Softmax gives zeros where the step is made to fit a smaller
 * range, so such a step is set right, and another left alone.
 */
const probabilityStep = 1 / 256;

/** New scale and zero point of an activation, as writes; none where its range is not known. */
export function recalibrate(
  base: GraphView,
  tail: FloatTail,
  activation: ActivationScale,
  ranges: ReadonlyMap<string, Range>,
): readonly SlotWrite[] {
  const range = ranges.get(activation.tensor);
  const next = range === undefined ? null : gridFor(tail, activation, range);
  if (next === null) return [];
  const oldScale = readSlot(base, activation.scale);
  const oldZero = activation.zeroPoint === null ? null : readSlot(base, activation.zeroPoint);
  const writes: SlotWrite[] = [{ slot: activation.scale, value: floatTensor(oldScale.dtype, oldScale.dims, [next.scale]) }];
  if (activation.zeroPoint !== null && oldZero !== null) {
    const filled = floatTensor('float32', oldZero.dims, new Float32Array(sizeOf(oldZero.dims)).fill(next.zeroPoint));
    writes.push({ slot: activation.zeroPoint, value: quantizeTensor(filled, [1], 0, oldZero.dtype, 0) });
  }
  return writes;
}

export interface Grid {
  readonly scale: number;
  readonly zeroPoint: number;
}

/**
 * Scale and zero point for a new range: symmetric where the model's were, otherwise zero stays at the end where a Relu had put it. null where
 * the model's stay.
 */
export function gridFor(tail: FloatTail, { tensor, base, zeroPoint }: ActivationScale, range: Range): Grid | null {
  if (!Number.isFinite(range.min) || !Number.isFinite(range.max))
    throw new WhetError('model-unsupported', `the range of '${tensor}' is not finite: ${range.min} to ${range.max}`, {
      hint: 'Training diverged; lower the learning rate.',
    });
  const [low, high] = limitsOf(base.dtype);
  if (is(view(tail.model.graph).producer(tensor), 'probability'))
    return base.scale >= probabilityStep ? null : { scale: probabilityStep, zeroPoint: low };
  const min = Math.min(0, range.min);
  const max = Math.max(0, range.max);
  const isSymmetric = base.zeroPoint === 0 && low < 0;
  if (isSymmetric) return { scale: Math.fround(Math.max(-min, max) / high) || 1, zeroPoint: 0 };
  // A zero point at the end of the range is a Relu: rounding must not move it off. One that is left out cannot move at all.
  if (base.zeroPoint === low && (range.min >= 0 || zeroPoint === null))
    return { scale: Math.fround(max / (high - low)) || 1, zeroPoint: low };
  return asymmetricScale(min, max, base.dtype);
}
