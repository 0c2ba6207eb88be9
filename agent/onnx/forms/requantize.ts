// Trained float weights → a whole model in the form it came in: same quantization, opset, input and output names. What did not change goes
// back to the bit. Refuses what the form cannot hold (`operator-unsupported`) and weights that are not finite (`model-unsupported`).
import { WhetError } from '../../errors.ts';
import type { Graph, Model, Tensor } from '../ir.ts';
import { withOutputClasses } from '../surgery/classes.ts';
import type { FloatTail, Slot } from '../surgery/tail.ts';
import { singleWeights } from '../surgery/two-classes.ts';
import { type GraphView, view } from '../view.ts';
import { sameTensor, withWeights } from '../weights.ts';
import { type Range, recalibrate } from './activation-scale.ts';
import { neutral } from './float.ts';
import { forms } from './forms.ts';
import { readSlot, type SlotWrite, writeSlots } from './slots.ts';
import { biasWeight, inputScaleOf } from './stored-bias.ts';

export interface Calibration {
  /** Least and largest value of the float tail's tensors (`calibrationTensors`) on representative features, after training. */
  readonly ranges: ReadonlyMap<string, Range>;
}

/**
 * `base` is the model that `tail` was cut from; `weights` are new values of its parameters, those left out stay. Scales of activations
 * without a range stay as they are.
 */
export function requantize(base: Model, tail: FloatTail, weights: ReadonlyMap<string, Tensor>, calibration: Calibration): Model {
  if (tail.single !== undefined) return requantize(base, tail.single, singleWeights(tail, weights), calibration);
  const seen = view(base.graph);
  const current = withWeights(tail, weights).model.graph.initializers;
  for (const { name } of tail.parameters) refuseNonFinite(name, current.get(name) as Tensor);
  const activations = tail.activations.flatMap((activation) => recalibrate(seen, tail, activation, calibration.ranges));
  const written = new Map(activations.map(({ slot, value }) => [slotKey(slot), value]));
  const read = (slot: Slot) => written.get(slotKey(slot)) ?? readSlot(seen, slot);
  const writes = [...activations];
  const scales = new Map<string, { readonly scale: Tensor; readonly isNew: boolean }>();
  const changed = (name: string) => !sameTensor(current.get(name) as Tensor, tail.base.get(name) as Tensor);
  for (const { name } of tail.parameters) {
    const origin = tail.origins.get(name);
    const value = current.get(name) as Tensor;
    if (origin?.kind === 'float' && changed(name))
      writes.push(...origin.values.map((slot) => ({ slot, value: forms.none.storeFloat(seen, slot, value) })));
    if (origin?.kind !== 'quantized') continue;
    if (!changed(name)) scales.set(name, { scale: read(origin.scale), isNew: false });
    else {
      const bias = tail.parameters.find((other) => biasWeight(tail, other.name) === name);
      const inputScale = bias === undefined ? null : read(inputScaleOf(seen, tail, bias.name));
      const limit = bias === undefined || inputScale === null ? null : { bias: current.get(bias.name) as Tensor, inputScale };
      const quantized = forms[origin.form].storeWeight(seen, origin, value, { perChannel: name === tail.head?.weight, limit });
      writes.push(...quantized.writes);
      scales.set(name, { scale: quantized.scale, isNew: true });
    }
  }
  for (const { name } of tail.parameters) {
    const origin = tail.origins.get(name);
    if (origin?.kind !== 'int32-bias') continue;
    const weight = scales.get(origin.weight);
    if (weight === undefined) throw new WhetError('internal', `the weight '${origin.weight}' of bias '${name}' is not quantized`);
    const inputSlot = inputScaleOf(seen, tail, name);
    if (!changed(name) && !weight.isNew && !written.has(slotKey(inputSlot))) continue;
    writes.push(...forms[origin.form].storeBias(seen, origin, current.get(name) as Tensor, read(inputSlot), weight.scale));
  }
  if ([tail.head?.weight, tail.head?.bias].some((name) => name !== undefined && name !== null && changed(name)))
    writes.push(...(tail.absorbed ?? []).map(({ slot, value }) => neutral(seen, tail, slot, value)));
  const graph = withoutStaleShapes(seen, writeSlots(base.graph, writes), writes);
  return withOutputClasses({ ...base, graph }, tail);
}

/** A scale that became one a channel changes the shape of what its node gives; recorded shapes must not contradict that. */
function withoutStaleShapes(before: GraphView, after: Graph, writes: readonly SlotWrite[]): Graph {
  const stale = new Set(
    writes.filter(({ slot, value }) => String(readSlot(before, slot).dims) !== String(value.dims)).map(({ slot }) => slot.node),
  );
  return { ...after, valueInfo: after.valueInfo.filter((info) => !stale.has(info.name)) };
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
