// Casts between float types: the float tail is float32 throughout, so that they fall away; a constant that is cast becomes a float32
// initializer that knows where it came from. Other casts are left as they are.
import { type DType, dataTypes, type Node } from './ir.ts';
import { constant, emit, floatName, type Lowering, slot } from './lowering.ts';
import { asFloat32, isFloat } from './quantized-values.ts';

/** Gives false for a Cast from or to something that is no float. */
export function lowerFloatCast(state: Lowering, node: Node): boolean {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const to = node.attributes.to;
  if (to?.kind !== 'int' || !isFloat(dataTypes[to.value as keyof typeof dataTypes] ?? null)) return false;
  if (constant(state, x) === null) {
    if (isNumber(state, x)) state.aliases.set(y, floatName(state, x));
    else emit(state, { ...node, inputs: [floatName(state, x)], attributes: { ...node.attributes, to: { kind: 'int', value: 1 } } });
    return true;
  }
  return lowerFloatConstant(state, node);
}

/** A float constant of the model behind a Cast or Identity: an initializer of its own, written back where the operator reads it. */
export function lowerFloatConstant(state: Lowering, node: Node): boolean {
  const stored = state.graph.initializers.get(node.inputs[0] ?? '');
  if (stored === undefined || !isFloat(stored.dtype)) return false;
  const [y = ''] = node.outputs;
  state.initializers.set(y, asFloat32(stored));
  state.origins.set(y, { kind: 'float', values: [slot(node, 0)] });
  return true;
}

const integers: ReadonlySet<string> = new Set([
  'Shape',
  'Size',
  'ArgMax',
  'ArgMin',
  'NonZero',
  'Equal',
  'Less',
  'Greater',
  'And',
  'Or',
  'Not',
]);
const likeFirst: ReadonlySet<string> = new Set(['Gather', 'Slice', 'Squeeze', 'Unsqueeze', 'Reshape', 'Concat', 'Transpose', 'Flatten']);

/** Whether a tensor of the tail is float; what is computed from shapes and comparisons is not. */
function isNumber(state: Lowering, name: string): boolean {
  let at = floatName(state, name);
  for (;;) {
    const found: DType | undefined = state.initializers.get(at)?.dtype;
    if (found !== undefined) return isFloat(found);
    const node = state.nodes.find((made) => made.outputs.includes(at));
    if (node === undefined) return true;
    if (node.op === 'Cast') return isFloat(dataTypes[Number(node.attributes.to?.value) as keyof typeof dataTypes] ?? null);
    if (integers.has(node.op) || node.op.startsWith('Less') || node.op.startsWith('Greater')) return false;
    if (!likeFirst.has(node.op)) return true;
    at = node.inputs[0] ?? '';
  }
}
