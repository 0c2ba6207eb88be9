// The form without quantization, both ways. The float tail is float32 throughout, so that casts between float types fall away; a constant that is
// cast becomes a float32 initializer that knows where it came from, and goes back in the type that the model stores. Other casts stay.
import { WhetError } from '../../errors.ts';
import { type DType, type Node, sizeOf, type Tensor } from '../ir.ts';
import { typeOf, typeSource } from '../result-type.ts';
import type { FloatTail, Slot } from '../surgery/tail.ts';
import type { GraphView } from '../view.ts';
import { constant, type Dequantization, emit, floatName, madeBy, slot } from './dequantization.ts';
import type { Form } from './form.ts';
import { asFloat32, floatTensor, isFloat, numbers } from './quantized-values.ts';
import { readSlot, type SlotWrite } from './slots.ts';

/** Gives false for a Cast from or to something that is no float. */
function lowerFloatCast(state: Dequantization, node: Node): boolean {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const to = node.attributes.to;
  if (to?.kind !== 'int' || !isFloat(typeOf(to.value))) return false;
  if (constant(state, x) === null) {
    if (isNumber(state, x)) state.aliases.set(y, floatName(state, x));
    else emit(state, { ...node, inputs: [floatName(state, x)], attributes: { ...node.attributes, to: { kind: 'int', value: 1 } } });
    return true;
  }
  return lowerFloatConstant(state, node);
}

/** A float constant of the model behind a Cast or Identity: an initializer of its own, written back where the operator reads it. */
function lowerFloatConstant(state: Dequantization, node: Node): boolean {
  const stored = state.graph.initializers.get(node.inputs[0] ?? '');
  if (stored === undefined || !isFloat(stored.dtype)) return false;
  const [y = ''] = node.outputs;
  state.initializers.set(y, asFloat32(stored));
  state.origins.set(y, { kind: 'float', values: [slot(node, 0)] });
  return true;
}

/** Whether a tensor of the tail is surely float: positions and masks, made of sizes and comparisons, are not, and keep their Cast. */
function isNumber(state: Dequantization, name: string): boolean {
  let at = floatName(state, name);
  for (;;) {
    const found: DType | undefined = state.initializers.get(at)?.dtype;
    if (found !== undefined) return isFloat(found);
    const node = madeBy(state, at);
    // What comes from outside are features.
    if (node === undefined) return true;
    const source = typeSource(node, node.outputs.indexOf(at));
    if (typeof source === 'string') return isFloat(source);
    at = floatName(state, node.inputs[source.input] ?? '');
    if (at === '') return false;
  }
}

function passThrough(state: Dequantization, node: Node): boolean {
  if (!lowerFloatConstant(state, node)) state.aliases.set(node.outputs[0] ?? '', floatName(state, node.inputs[0] ?? ''));
  return true;
}

/** At inference a Dropout passes its input through, but for its mask, which somebody may read. */
function isMaskRead({ graph, readers }: GraphView, node: Node): boolean {
  const mask = node.outputs[1] ?? '';
  return mask !== '' && (readers(mask).length > 0 || graph.outputs.some(({ name }) => name === mask));
}

/** One number a class, all the same: what a normalization behind the head becomes when the head holds it. */
export function neutral(seen: GraphView, { head }: FloatTail, slot: Slot, value: number): SlotWrite {
  const stored = readSlot(seen, slot);
  const classes = head?.classes ?? sizeOf(stored.dims);
  return { slot, value: floatTensor(stored.dtype, [classes], new Float32Array(classes).fill(value)) };
}

/**
 * In the float type that the model stores. Biases are stored as [n] or [1, n]: the class count may have changed, the number of dimensions has
 * not, but where one number stood for all classes.
 */
function likeStored(seen: GraphView, slot: Slot, value: Tensor): Tensor {
  const stored = readSlot(seen, slot);
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

const fused = 'Export the model again without extended graph optimizations.';

export const float = {
  kind: 'none',
  layers: {
    Conv: { weights: [1], bias: 2 },
    ConvTranspose: { weights: [1], bias: 2 },
    Gemm: { weights: [1, 0], bias: 2 },
    MatMul: { weights: [1, 0], bias: null },
    FusedConv: { weights: [1], bias: 2 },
    FusedGemm: { weights: [1], bias: 2 },
    FusedMatMul: { weights: [1, 0], bias: null },
    LSTM: { weights: [1], bias: 3 },
    GRU: { weights: [1], bias: 3 },
    RNN: { weights: [1], bias: 3 },
  },
  outputScale: {},
  lower: {
    Cast: lowerFloatCast,
    Identity: passThrough,
    Dropout: (state, node) => !isMaskRead(state.seen, node) && passThrough(state, node),
  },
  refused: { FusedConv: fused, FusedGemm: fused, FusedMatMul: fused },
  storeFloat: likeStored,
} satisfies Form;
