// What training knows of an operator, in one record: the shapes of what it gives, its gradient, and how else it enters a step. The records stand
// by family in operators/, and operators.ts is the one table of them. Element types and what else is true of an operator without its shapes:
// onnx/result-type.ts and onnx/operator-traits.ts.
import type { DType, Node, Tensor } from '../onnx/ir.ts';
import type { Draft } from './draft.ts';
import type { Fold } from './fold.ts';
import type { LoweringRule } from './lower/columns.ts';

export interface Operator {
  /** Shapes of the outputs; an operator without is refused where its shape is asked for. */
  readonly shape?: ShapeRule;
  /** An operator without is refused where a gradient has to go through it. */
  readonly gradient?: Gradient;
  /** The gradient in a lowered step, where another form of it is faster there. */
  readonly loweredGradient?: Gradient;
  /** How it is computed while the graph is written, of small constants. */
  readonly fold?: Fold;
  /** How it is written where values are held in columns. */
  readonly lower?: LoweringRule;
  /** Writes the operators that it is made of, under its own output names; then it needs neither shape nor gradient. */
  readonly expand?: Expansion;
  /** The same node in a form that the runtime takes at every opset, of constants too. */
  readonly rewrite?: (node: Node, c: Draft) => Node;
  /** Whether the runtime puts the result in the place of an operand of its size that nobody reads any more. */
  readonly inPlace?: boolean;
}

export type Family = Readonly<Record<string, Operator>>;

/** Shapes are plain numbers, because the batch size is bound before a training step is compiled. */
export type Shape = readonly number[];

/** What a shape rule may ask about the values it reads. */
export interface ShapeSource {
  shape(name: string): Shape;
  hasShape(name: string): boolean;
  /** The constant of that name; null where the value is only known when the graph runs. */
  known(name: string): Tensor | null;
  knownInts(name: string): readonly number[] | null;
  dtypeOf(name: string): DType;
}

/** One shape per output, undefined where it depends on data. */
export type ShapeRule = (node: Node, source: ShapeSource) => readonly (Shape | undefined)[];

/**
 * Writes the gradient of one node into the draft. `dy` is the gradient of the node's first output and has that output's shape; `dys`
 * holds those of all outputs, null where nothing downstream depends on one. A returned gradient may have any shape that broadcasts with
 * its input: the walker sums or expands it. Gradients that nobody needs cost nothing, the draft drops them.
 */
export type Gradient = (c: Draft, node: Node, dy: string, dys: readonly (string | null)[]) => readonly (string | null)[];

export type Expansion = (c: Draft, node: Node) => void;
