// Trained float weights → a whole model in the form it came in: same quantization, opset, input and output names. What did not change goes
// back to the bit. Refuses what the form cannot hold (`operator-unsupported`) and weights that are not finite (`model-unsupported`).
import { WhetError } from '../../errors.ts';
import { producers } from '../graph.ts';
import { type Graph, type Model, sizeOf, type Tensor } from '../ir.ts';
import { is } from '../operator-traits.ts';
import { withOutputClasses } from '../surgery/classes.ts';
import type { ActivationScale, FloatTail, Slot } from '../surgery/tail.ts';
import { singleWeights } from '../surgery/two-classes.ts';
import { sameTensor, withWeights } from '../weights.ts';
import { asymmetricScale, floatTensor, limitsOf, numbers, quantizeTensor } from './quantized-values.ts';
import { quantizeBias, quantizeWeight } from './requantize-layer.ts';
import { nodeOf, readSlot, type SlotWrite, writeSlots } from './slots.ts';

export interface Range {
  readonly min: number;
  readonly max: number;
}

export interface Calibration {
  /** Least and largest value of the float tail's tensors (`calibrationTensors`) on representative features, after training. */
  readonly ranges: ReadonlyMap<string, Range>;
}

/** Tensors of the float tail whose ranges decide scales that the model fixes. Empty for float and dynamically quantized models. */
export function calibrationTensors(tail: FloatTail): readonly string[] {
  return [...new Set(tail.activations.map(({ tensor }) => tensor))];
}

/**
 * `base` is the model that `tail` was cut from; `weights` are new values of its parameters, those left out stay. Scales of activations
 * without a range stay as they are.
 */
export function requantize(base: Model, tail: FloatTail, weights: ReadonlyMap<string, Tensor>, calibration: Calibration): Model {
  if (tail.single !== undefined) return requantize(base, tail.single, singleWeights(tail, weights), calibration);
  const current = withWeights(tail, weights).model.graph.initializers;
  for (const { name } of tail.parameters) refuseNonFinite(name, current.get(name) as Tensor);
  const activations = tail.activations.flatMap((activation) => recalibrate(base, tail, activation, calibration.ranges));
  const written = new Map(activations.map(({ slot, value }) => [slotKey(slot), value]));
  const read = (slot: Slot) => written.get(slotKey(slot)) ?? readSlot(base.graph, slot);
  const writes = [...activations];
  const scales = new Map<string, { readonly scale: Tensor; readonly isNew: boolean }>();
  const changed = (name: string) => !sameTensor(current.get(name) as Tensor, tail.base.get(name) as Tensor);
  for (const { name } of tail.parameters) {
    const origin = tail.origins.get(name);
    const value = current.get(name) as Tensor;
    if (origin?.kind === 'float' && changed(name))
      writes.push(...origin.values.map((slot) => ({ slot, value: likeStored(base, slot, value) })));
    if (origin?.kind !== 'quantized') continue;
    if (!changed(name)) scales.set(name, { scale: read(origin.scale), isNew: false });
    else {
      const bias = tail.parameters.find((other) => biasWeight(tail, other.name) === name);
      const inputScale = bias === undefined ? null : read(inputScaleOf(base, tail, bias.name));
      const limit = bias === undefined || inputScale === null ? null : { bias: current.get(bias.name) as Tensor, inputScale };
      const quantized = quantizeWeight(base.graph, origin, value, { perChannel: name === tail.head?.weight, limit });
      writes.push(...quantized.writes);
      scales.set(name, { scale: quantized.scale, isNew: true });
    }
  }
  for (const { name } of tail.parameters) {
    const origin = tail.origins.get(name);
    if (origin?.kind !== 'int32-bias') continue;
    const weight = scales.get(origin.weight);
    if (weight === undefined) throw new WhetError('internal', `the weight '${origin.weight}' of bias '${name}' is not quantized`);
    const inputSlot = inputScaleOf(base, tail, name);
    if (!changed(name) && !weight.isNew && !written.has(slotKey(inputSlot))) continue;
    writes.push(...quantizeBias(base.graph, origin, current.get(name) as Tensor, read(inputSlot), weight.scale));
  }
  if ([tail.head?.weight, tail.head?.bias].some((name) => name !== undefined && name !== null && changed(name)))
    writes.push(...(tail.absorbed ?? []).map(({ slot, value }) => neutral(base, tail, slot, value)));
  const graph = withoutStaleShapes(base.graph, writeSlots(base.graph, writes), writes);
  return withOutputClasses({ ...base, graph }, tail);
}

/**
 * Quantizers give probabilities the step 1/256, whatever the weights. The runtime's fused Softmax gives zeros where the step is made to fit a smaller
 * range, so such a step is set right, and another left alone.
 */
const probabilityStep = 1 / 256;

function recalibrate(base: Model, tail: FloatTail, activation: ActivationScale, ranges: ReadonlyMap<string, Range>): readonly SlotWrite[] {
  const range = ranges.get(activation.tensor);
  const next = range === undefined ? null : gridFor(tail, activation, range);
  if (next === null) return [];
  const oldScale = readSlot(base.graph, activation.scale);
  const oldZero = activation.zeroPoint === null ? null : readSlot(base.graph, activation.zeroPoint);
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
  if (is(producers(tail.model.graph).get(tensor), 'probability'))
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

/** A scale that became one a channel changes the shape of what its node gives; recorded shapes must not contradict that. */
function withoutStaleShapes(before: Graph, after: Graph, writes: readonly SlotWrite[]): Graph {
  const stale = new Set(
    writes.filter(({ slot, value }) => String(readSlot(before, slot).dims) !== String(value.dims)).map(({ slot }) => slot.node),
  );
  return { ...after, valueInfo: after.valueInfo.filter((info) => !stale.has(info.name)) };
}

function biasWeight(tail: FloatTail, name: string): string | null {
  const origin = tail.origins.get(name);
  return origin?.kind === 'int32-bias' ? origin.weight : null;
}

/** Where the scale of the input of a bias's layer stands; before the cut it is found in the base model. */
function inputScaleOf(base: Model, tail: FloatTail, bias: string): Slot {
  const origin = tail.origins.get(bias);
  if (origin?.kind !== 'int32-bias') throw new WhetError('internal', `'${bias}' is not an int32 bias`);
  if (origin.inputScale !== null) return origin.inputScale;
  const input = nodeOf(base.graph, { node: origin.layer, input: 0 }).inputs[0] ?? '';
  const dequantizer = nodeOf(base.graph, { node: input, input: 1 });
  if (dequantizer.op !== 'DequantizeLinear') throw new WhetError('internal', `'${input}' does not come from a DequantizeLinear`);
  return { node: input, input: 1 };
}

/** One number a class, all the same: what a normalization behind the head becomes when the head holds it. */
function neutral(base: Model, { head }: FloatTail, slot: Slot, value: number): SlotWrite {
  const stored = readSlot(base.graph, slot);
  const classes = head?.classes ?? sizeOf(stored.dims);
  return { slot, value: floatTensor(stored.dtype, [classes], new Float32Array(classes).fill(value)) };
}

/**
 * In the float type that the model stores. Biases are stored as [n] or [1, n]: the class count may have changed, the number of dimensions has
 * not, but where one number stood for all classes.
 */
function likeStored(base: Model, slot: Slot, value: Tensor): Tensor {
  const stored = readSlot(base.graph, slot);
  if (stored.dims.length === value.dims.length || sizeOf(stored.dims) === 1) {
    if (stored.dtype === 'float32') return value;
    const rounded = floatTensor(stored.dtype, value.dims, value.data as Float32Array);
    const lost = Array.from(numbers(rounded)).findIndex((number) => !Number.isFinite(number));
    if (lost < 0) return rounded;
    throw new WhetError(
      'model-unsupported',
      `a trained weight of '${slot.node}' is too large for ${stored.dtype}: ${(value.data as Float32Array)[lost]}`,
      {
        hint: 'Lower the learning rate, or export the model in float32.',
      },
    );
  }
  throw new WhetError('internal', `a parameter stored as [${stored.dims}] came back as [${value.dims}]`);
}

function refuseNonFinite(name: string, value: Tensor): void {
  const at = (value.data as Float32Array).findIndex((number) => !Number.isFinite(number));
  if (at < 0) return;
  throw new WhetError('model-unsupported', `the trained weight '${name}' is not finite at position ${at}`, {
    hint: 'Training diverged; lower the learning rate.',
  });
}

function slotKey(slot: Slot): string {
  return `${slot.input}:${slot.node}`;
}
