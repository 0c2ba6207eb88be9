// An int32 bias, both ways: real = q · (input scale · weight scale), and back. QDQ models store the product as a scale of its own; elsewhere the
// operator implies it.
import { WhetError } from '../../errors.ts';
import { type Node, nodeKey, type Tensor } from '../ir.ts';
import type { FloatTail, Slot } from '../surgery/tail.ts';
import type { GraphView } from '../view.ts';
import { type Dequantization, needConstant, slot, uniqueName } from './dequantization.ts';
import type { BiasOrigin } from './form.ts';
import { dequantizeTensor, floatTensor, numbers, quantizeTensor } from './quantized-values.ts';
import { nodeOf, readSlot, type SlotWrite } from './slots.ts';
import { filled } from './stored-weight.ts';

/** Adds the bias of a quantized operator as float. */
export function addBias(
  state: Dequantization,
  node: Node,
  input: number,
  scales: { readonly input: Slot; readonly inputValue: Tensor; readonly weightValue: Tensor; readonly weight: string },
): string {
  const stored = needConstant(state, node, input, 'bias');
  const xs = numbers(scales.inputValue)[0] as number;
  const product = Float32Array.from(numbers(scales.weightValue), (ws) => Math.fround(xs * ws));
  const name = uniqueName(state, `${node.inputs[input]}/float`);
  const vector: Tensor = { ...stored, dims: [stored.dims.reduce((a, b) => a * b, 1)] };
  const float = dequantizeTensor(vector, { dtype: 'float32', dims: [product.length], data: product }, null, 0);
  state.initializers.set(name, { ...float, dims: stored.dims });
  state.origins.set(name, {
    kind: 'int32-bias',
    form: 'qoperator',
    value: slot(node, input),
    inputScale: scales.input,
    layer: nodeKey(node),
    weight: scales.weight,
    scale: null,
    zeroPoint: null,
  });
  return name;
}

/** q = round(bias / (input scale · weight scale)), one scale a channel or one for all. */
export function quantizeBias(
  base: GraphView,
  origin: BiasOrigin,
  value: Tensor,
  inputScale: Tensor,
  weightScale: Tensor,
): readonly SlotWrite[] {
  const xs = numbers(inputScale)[0] ?? 1;
  const product = Float32Array.from(numbers(weightScale), (ws) => Math.fround(xs * ws));
  const vector: Tensor = { dtype: 'float32', dims: [numbers(value).length], data: value.data };
  const quantized = quantizeTensor(vector, product, 0, 'int32', 0);
  const writes: SlotWrite[] = [{ slot: origin.value, value: { ...quantized, dims: value.dims } }];
  if (origin.scale === null) return writes;
  const old = readSlot(base, origin.scale);
  const dims = numbers(old).length === product.length ? old.dims : [product.length];
  writes.push({ slot: origin.scale, value: floatTensor(old.dtype, dims, product) });
  if (origin.zeroPoint !== null) writes.push({ slot: origin.zeroPoint, value: filled('int32', dims, 0) });
  return writes;
}

/** The weight whose scale is a factor of a bias; null where it is no int32 bias. */
export function biasWeight(tail: FloatTail, name: string): string | null {
  const origin = tail.origins.get(name);
  return origin?.kind === 'int32-bias' ? origin.weight : null;
}

/** Where the scale of the input of a bias's layer stands; before the cut it is found in the base model. */
export function inputScaleOf(base: GraphView, tail: FloatTail, bias: string): Slot {
  const origin = tail.origins.get(bias);
  if (origin?.kind !== 'int32-bias') throw new WhetError('internal', `'${bias}' is not an int32 bias`);
  if (origin.inputScale !== null) return origin.inputScale;
  const input = nodeOf(base, { node: origin.layer, input: 0 }).inputs[0] ?? '';
  const dequantizer = nodeOf(base, { node: input, input: 1 });
  if (dequantizer.op !== 'DequantizeLinear') throw new WhetError('internal', `'${input}' does not come from a DequantizeLinear`);
  return { node: input, input: 1 };
}
