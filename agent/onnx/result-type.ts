// Which element type an operator gives, as far as its name, its attributes and its inputs say: what a graph whose types are known as it is
// written, and one that is being turned into float, both need.
import { type DType, dataTypes, type Node } from './ir.ts';

/** A type, or the input whose type it is. */
export type TypeSource = DType | { readonly input: number };

const ofFirst: TypeSource = { input: 0 };

/** By operator, one entry an output; the last one stands for all behind it. What is not here has the type of its first input. */
const fixed: ReadonlyMap<string, readonly TypeSource[]> = new Map(
  Object.entries<readonly TypeSource[]>({
    Greater: ['bool'],
    GreaterOrEqual: ['bool'],
    Less: ['bool'],
    LessOrEqual: ['bool'],
    Equal: ['bool'],
    And: ['bool'],
    Or: ['bool'],
    Not: ['bool'],
    Xor: ['bool'],
    IsNaN: ['bool'],
    IsInf: ['bool'],
    Shape: ['int64'],
    Size: ['int64'],
    ArgMax: ['int64'],
    ArgMin: ['int64'],
    NonZero: ['int64'],
    MaxPool: [ofFirst, 'int64'],
    TopK: [ofFirst, 'int64'],
    Unique: [ofFirst, 'int64'],
    Dropout: [ofFirst, 'bool'],
    // Chooses between its second and third input.
    Where: [{ input: 1 }],
    CastLike: [{ input: 1 }],
    // Takes the type of its values.
    OneHot: [{ input: 2 }],
  }),
);

export function typeSource(node: Node, output: number): TypeSource {
  const { value, to, dtype } = node.attributes;
  if (node.op === 'ConstantOfShape' || node.op === 'Constant') return value?.kind === 'tensor' ? value.value.dtype : constantType(node);
  if (node.op === 'Cast') return (to?.kind === 'int' ? typeOf(to.value) : null) ?? 'float32';
  if (node.op === 'EyeLike' && dtype?.kind === 'int') return typeOf(dtype.value) ?? 'float32';
  const sources = fixed.get(node.op);
  return sources?.[output] ?? sources?.at(-1) ?? ofFirst;
}

/** Element type by its number in a file; null for one that is not known. */
export function typeOf(number: number): DType | null {
  return dataTypes[number as keyof typeof dataTypes] ?? null;
}

/** Number of an element type in a file. */
export function typeNumber(dtype: DType): number {
  return Number(Object.entries(dataTypes).find(([, name]) => name === dtype)?.[0]);
}

function constantType({ attributes }: Node): DType {
  if (attributes.value_int !== undefined || attributes.value_ints !== undefined) return 'int64';
  return attributes.value_string !== undefined || attributes.value_strings !== undefined ? 'string' : 'float32';
}
