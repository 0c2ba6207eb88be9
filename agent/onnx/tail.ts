// The float tail: what stands after the cut, with float weights, and what is known of its trainable parts. Produced by `dequantize`,
// consumed by the learners and by `requantize`.
import type { Model } from './ir.ts';

/** A trainable initializer of the float tail. */
export interface TailParameter {
  /** Name of the initializer in `FloatTail.model`; unique. */
  readonly name: string;
  readonly dims: readonly number[];
  readonly role: 'weight' | 'bias' | 'scale' | 'shift';
  /** Layer that owns it, counted from the input of the tail. */
  readonly layer: number;
}

/** The last linear layer: logits = h·W (+ b). */
export interface LinearHead {
  readonly weight: string;
  /** null where the layer has none. */
  readonly bias: string | null;
  /** 'in-out': W is [width, classes]; 'out-in': W is [classes, width] (Gemm with transB, as PyTorch exports). */
  readonly layout: 'in-out' | 'out-in';
  /** Tensor that enters the layer, [batch, width]. */
  readonly input: string;
  readonly width: number;
  readonly classes: number;
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
}
