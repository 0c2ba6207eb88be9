// Casts between float types: the float tail is float32 throughout, so that they fall away; a constant that is cast becomes a float32
// initializer that knows where it came from. Other casts are left as they are.
import type { DType, Node } from '../ir.ts';
import { typeOf, typeSource } from '../result-type.ts';
import { constant, emit, floatName, type Lowering, slot } from './lowering.ts';
import { asFloat32, isFloat } from './quantized-values.ts';

/** Gives false for a Cast from or to something that is no float. */
export function lowerFloatCast(state: Lowering, node: Node): boolean {
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
export function lowerFloatConstant(state: Lowering, node: Node): boolean {
  const stored = state.graph.initializers.get(node.inputs[0] ?? '');
  if (stored === undefined || !isFloat(stored.dtype)) return false;
  const [y = ''] = node.outputs;
  state.initializers.set(y, asFloat32(stored));
  state.origins.set(y, { kind: 'float', values: [slot(node, 0)] });
  return true;
}

/** Whether a tensor of the tail is surely float: positions and masks, made of sizes and comparisons, are not, and keep their Cast. */
function isNumber(state: Lowering, name: string): boolean {
  let at = floatName(state, name);
  for (;;) {
    const found: DType | undefined = state.initializers.get(at)?.dtype;
    if (found !== undefined) return isFloat(found);
    const node = state.nodes.find((made) => made.outputs.includes(at));
    // What comes from outside are features.
    if (node === undefined) return true;
    const source = typeSource(node, node.outputs.indexOf(at));
    if (typeof source === 'string') return isFloat(source);
    at = floatName(state, node.inputs[source.input] ?? '');
    if (at === '') return false;
  }
}
