// A form of quantization, both ways in one record: how its layers are recognised, how its operators become float, and how what was trained is
// stored again. The records stand in float.ts, qdq.ts, qoperator.ts and dynamic.ts; forms.ts is the table of them.
import type { Node, Tensor } from '../ir.ts';
import type { ParameterOrigin, Slot } from '../surgery/tail.ts';
import type { GraphView } from '../view.ts';
import type { Dequantization } from './dequantization.ts';
import type { SlotWrite } from './slots.ts';
import type { WeightOptions } from './stored-weight.ts';

export type Quantization = 'none' | 'qdq' | 'qoperator' | 'dynamic';

/** Where a layer has its weights. */
export interface LayerKind {
  /** Inputs that may hold the weights; the first that is constant counts. */
  readonly weights: readonly number[];
  readonly bias: number | null;
}

/** Writes what stands for the node in float; false where it is an ordinary operator to this form. */
export type LowerRule = (state: Dequantization, node: Node) => boolean;

export type WeightOrigin = Extract<ParameterOrigin, { kind: 'quantized' }>;
export type BiasOrigin = Extract<ParameterOrigin, { kind: 'int32-bias' }>;

export interface Form {
  readonly kind: Quantization;
  /** Operators that own weights, where their presence means this form. */
  readonly layers: Readonly<Record<string, LayerKind>>;
  /** Operators whose output is quantized, and which of their inputs are its scale and its zero point. */
  readonly outputScale: Readonly<Record<string, readonly [number, number]>>;
  /** By operator. */
  readonly lower: Readonly<Record<string, LowerRule>>;
  /** Operators of this form that cannot become float, and what would help. */
  readonly refused: Readonly<Record<string, string>>;
  /** A trained parameter in the type that the model stores at a place of it. */
  readonly storeFloat?: (base: GraphView, slot: Slot, value: Tensor) => Tensor;
  /** Stores a weight as integers; also gives the scale that they were made for. */
  readonly storeWeight?: (
    base: GraphView,
    origin: WeightOrigin,
    value: Tensor,
    options: WeightOptions,
  ) => { readonly writes: readonly SlotWrite[]; readonly scale: Tensor };
  /** Stores a bias as int32, in steps of input scale · weight scale. */
  readonly storeBias?: (
    base: GraphView,
    origin: BiasOrigin,
    value: Tensor,
    inputScale: Tensor,
    weightScale: Tensor,
  ) => readonly SlotWrite[];
}

/** A rule for operators that are of no other form. */
export function always(lower: (state: Dequantization, node: Node) => void): LowerRule {
  return (state, node) => {
    lower(state, node);
    return true;
  };
}
