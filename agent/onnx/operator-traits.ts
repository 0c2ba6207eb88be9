// What is true of an operator whatever the shapes are: one row an operator, and the only place where operators are named in lists. Autodiff has a
// record of its own for what training needs (operators.ts there), and asks here for the rest.
import type { Node } from './ir.ts';

export type Trait =
  /** Gives the elements of its first input in the same order, perhaps in another shape. */
  | 'view'
  /** Gives the elements of its first input in another order of axes. */
  | 'permutes'
  /** Gives some elements of its inputs, or all of several, as they are. */
  | 'picks'
  /** Picks by index. */
  | 'looks-up'
  /** Gives the numbers of its first input in another type, or on another grid. */
  | 'converts'
  /** Works on quantized values as they are, so that what it gives has the scale of what it got. */
  | 'keeps-scale'
  /** Gives only values that it got, or averages of them. */
  | 'within'
  /** Is never negative. */
  | 'not-negative'
  /** Gives numbers from 0 to 1, whatever it gets. */
  | 'probability'
  /** Makes probabilities, or their logarithms, of logits. */
  | 'of-logits'
  /** Logits pass it, or what is made of them, on the way to the model's output. */
  | 'behind-logits'
  /** May follow the head: takes any number of classes and treats them alike. */
  | 'any-classes'
  /** Element by element of two operands; takes any number of classes where one of them is a number. */
  | 'any-classes-with-number'
  /** Owns a weight, and a bias where it has a third input. */
  | 'weighted'
  | 'recurrent'
  /** May stand in a recurrent layer, without parameters. */
  | 'in-cells'
  /** Reads nothing of its input but its size, or gives as much as it finds there. */
  | 'measures'
  /** Gives as much as it finds in the data. */
  | 'sized-by-data'
  /** ONNX Runtime has it in integers, for activations. */
  | 'in-integers'
  /** Of com.microsoft, and trained all the same. */
  | 'trained-microsoft';

const sameOrder = ['view', 'keeps-scale', 'within'] as const;

const table: Readonly<Record<string, readonly Trait[]>> = {
  Identity: [...sameOrder, 'behind-logits', 'any-classes'],
  Reshape: [...sameOrder, 'behind-logits'],
  Flatten: [...sameOrder, 'behind-logits', 'any-classes'],
  Squeeze: [...sameOrder, 'any-classes'],
  Unsqueeze: [...sameOrder, 'any-classes'],
  Transpose: ['permutes', 'keeps-scale', 'within'],
  Slice: ['picks', 'keeps-scale'],
  Gather: ['picks', 'looks-up', 'keeps-scale'],
  Concat: ['picks', 'within', 'in-integers'],
  Dropout: ['keeps-scale', 'within', 'any-classes'],
  Cast: ['converts', 'any-classes'],
  QuantizeLinear: ['converts', 'behind-logits', 'any-classes'],
  DequantizeLinear: ['converts', 'behind-logits', 'any-classes'],

  Relu: ['in-cells', 'keeps-scale', 'not-negative', 'any-classes'],
  Clip: ['keeps-scale', 'not-negative', 'any-classes'],
  Sigmoid: ['in-cells', 'not-negative', 'probability', 'of-logits', 'behind-logits', 'any-classes'],
  Softmax: ['not-negative', 'probability', 'of-logits', 'behind-logits', 'any-classes'],
  LogSoftmax: ['of-logits', 'behind-logits', 'any-classes'],
  QLinearSoftmax: ['behind-logits', 'any-classes'],
  QLinearSigmoid: ['behind-logits', 'any-classes'],
  Tanh: ['in-cells', 'any-classes'],
  Softsign: ['in-cells'],
  Softplus: ['in-cells', 'not-negative'],
  Exp: ['not-negative'],
  Abs: ['not-negative'],
  HardSigmoid: ['not-negative'],
  Gelu: ['trained-microsoft'],
  FastGelu: ['trained-microsoft'],
  QuickGelu: ['trained-microsoft'],

  Add: ['any-classes-with-number', 'in-integers'],
  Sub: ['any-classes-with-number'],
  Mul: ['any-classes-with-number', 'in-integers'],
  Div: ['any-classes-with-number'],
  QLinearAdd: ['any-classes-with-number'],
  QLinearMul: ['any-classes-with-number'],

  Conv: ['weighted', 'in-integers'],
  ConvTranspose: ['weighted', 'in-integers'],
  Gemm: ['weighted', 'in-integers'],
  MatMul: ['weighted', 'in-integers'],
  LSTM: ['recurrent'],
  GRU: ['recurrent'],
  RNN: ['recurrent'],

  MaxPool: ['keeps-scale', 'within'],
  AveragePool: ['within', 'in-integers'],
  GlobalAveragePool: ['within', 'any-classes', 'in-integers'],
  GlobalMaxPool: ['within'],
  ReduceMean: ['within', 'any-classes'],
  ReduceMax: ['within'],

  Shape: ['measures'],
  Size: ['measures'],
  ConstantOfShape: ['measures'],
  NonZero: ['measures', 'sized-by-data'],
  Unique: ['sized-by-data'],
  Compress: ['sized-by-data'],
  NonMaxSuppression: ['sized-by-data'],
};

const sets: ReadonlyMap<string, ReadonlySet<Trait>> = new Map(Object.entries(table).map(([op, traits]) => [op, new Set(traits)]));

/** Whether a node's operator has one of the traits; one that is not in the table has none. A node that does not exist has none either. */
export function is(node: Pick<Node, 'op'> | null | undefined, ...traits: readonly Trait[]): boolean {
  const own = sets.get(node?.op ?? '');
  return own !== undefined && traits.some((trait) => own.has(trait));
}
