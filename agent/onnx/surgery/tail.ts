// The float tail: what stands after the cut, with float weights, and what is known of its trainable parts. Produced by `dequantizeTail`,
// consumed by the learners and by `requantize`.
import type { DType, Model, Tensor } from '../ir.ts';

/** A trainable initializer of the float tail. */
export interface TailParameter {
  /** Name of the initializer in `FloatTail.model`; unique. */
  readonly name: string;
  readonly dims: readonly number[];
  readonly role: 'weight' | 'bias' | 'scale' | 'shift';
  /** Layer that owns it, counted from the input of the tail. */
  readonly layer: number;
}

/** The last linear layer: logits = h·W (+ b). W may be stored in more dimensions: [classes, width, 1, 1] of a convolution, for example. */
export interface LinearHead {
  readonly weight: string;
  /** null where the layer has none. */
  readonly bias: string | null;
  /** 'in-out': W is [width, classes]; 'out-in': W is [classes, width] (Gemm with transB, as PyTorch exports). */
  readonly layout: 'in-out' | 'out-in';
  /** What enters the layer, as a tensor [batch, width]. */
  readonly input: string;
  readonly width: number;
  readonly classes: number;
}

/** One input of one node of the base model; nodes are named by their first output that is not left out. */
export interface Slot {
  readonly node: string;
  readonly input: number;
}

/** Where a float parameter came from in the base model, and so how it goes back. */
export type ParameterOrigin =
  | {
      readonly kind: 'float';
      /** Every place of the tail that reads it. */
      readonly values: readonly Slot[];
    }
  | {
      readonly kind: 'quantized';
      /** The form that made it, and that stores it again. */
      readonly form: 'qdq' | 'qoperator' | 'dynamic';
      readonly value: Slot;
      readonly scale: Slot;
      /** null: the operator takes none, and zero is meant. */
      readonly zeroPoint: Slot | null;
      /** Axis of one scale a channel in the stored tensor. */
      readonly axis: number;
      /** Whether the operator takes one scale a channel at this opset. */
      readonly perChannel: boolean;
      /** Whether the zero point must have the shape of the scale. */
      readonly zeroPointFollowsScale: boolean;
      /** QuantizeLinear before it, where the model stores the weight in float and quantizes it when it is loaded; else null. */
      readonly quantizer: { readonly scale: Slot; readonly zeroPoint: Slot | null } | null;
      /** How the base model uses its integers: one scale a channel or one for all, and the largest magnitude on both sides of zero. */
      readonly grid: { readonly perChannel: boolean; readonly top: number };
    }
  | {
      /** int32 bias; its scale is the product of the input's scale and the weights'. */
      readonly kind: 'int32-bias';
      readonly form: 'qdq' | 'qoperator';
      readonly value: Slot;
      /** null: the input's DequantizeLinear stands before the cut. */
      readonly inputScale: Slot | null;
      /** First output of the layer that reads it. */
      readonly layer: string;
      /** Parameter whose scale is the other factor. */
      readonly weight: string;
      /** The product itself, where the model stores it (QDQ); null where the operator implies it. */
      readonly scale: Slot | null;
      readonly zeroPoint: Slot | null;
    };

/** A place where the model fixes the scale of an activation, which must follow new weights. */
export interface ActivationScale {
  /** Tensor of the float tail whose range decides. */
  readonly tensor: string;
  readonly scale: Slot;
  readonly zeroPoint: Slot | null;
  /** What the base model has there. */
  readonly base: { readonly scale: number; readonly zeroPoint: number; readonly dtype: DType };
}

export interface FloatTail {
  /** Float graph with a dynamic first dimension: one input (the features), one output (the model's own). */
  readonly model: Model;
  readonly input: string;
  readonly output: string;
  /** Tensor before the final Softmax, LogSoftmax or Sigmoid; equal to `output` where there is none. */
  readonly logits: string;
  readonly activation: 'none' | 'softmax' | 'log-softmax' | 'sigmoid';
  readonly parameters: readonly TailParameter[];
  /** null where the last layer with weights is not linear. */
  readonly head: LinearHead | null;
  /** By parameter name. */
  readonly origins: ReadonlyMap<string, ParameterOrigin>;
  /** The parameters' values as the base model has them; what equals them goes back untouched. */
  readonly base: ReadonlyMap<string, Tensor>;
  readonly activations: readonly ActivationScale[];
  /**
   * Constants of a normalization behind the head that the head's weights have taken in: what each becomes, in every element, in a model whose
   * head has changed.
   */
  readonly absorbed?: readonly { readonly slot: Slot; readonly value: number }[];
  /** Where one score became two classes: the tail as the model has it. */
  readonly single?: FloatTail;
}
