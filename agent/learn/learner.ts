// What every learner takes and gives. A learner sees features and a float tail; it knows nothing of files, quantization or the store.

import type { GradientSettings } from '../config/gradient-schema.ts';
import type { Tensor } from '../onnx/ir.ts';
import type { FloatTail } from '../onnx/surgery/tail.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { FeatureSet, Progress } from '../types.ts';
import type { Room } from './gradient/room.ts';
import type { Statistics } from './ridge/statistics.ts';

export interface LearnerInput {
  /** The tail to start from, its head already shaped for `classes`. */
  readonly tail: FloatTail;
  readonly train: FeatureSet;
  readonly classes: number;
  /** What the model knew before: sums over its own training data, or pseudo-statistics; null where there is none. */
  readonly prior: Statistics | null;
  /** Weight of one personal sample against one of the prior's. */
  readonly personalWeight: number;
  readonly seed: number;
  readonly runtime: Runtime;
  /** How gradient steps go about it; the defaults unless given. */
  readonly settings?: GradientSettings;
  /** Memory by which gradient steps choose their batch; what is free when they begin unless given. */
  readonly room?: Room;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
}

export interface FittedTail {
  /** New values of `tail.parameters`, by name; those left out stay as they are. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** What was chosen on the way (λ, temperature, epochs …), for the report. */
  readonly details: Readonly<Record<string, number | string>>;
  /**
   * Logits [train.count, classes] of every training row as predicted without it: leave-one-out or cross-validated by group. The honest
   * evidence of a small set. null where the learner cannot give it.
   */
  readonly crossValidated: Float32Array | null;
  /** Logits [rows, classes] of a part of the rows, predicted without them, where leaving out every one would take too long. */
  readonly heldOut?: { readonly rows: readonly number[]; readonly logits: Float32Array };
}

/** Who decides by what a learner can asks for the property and not for the name; names are for reports and for people who choose. */
export interface Learner {
  readonly name: 'closed-form' | 'gradient';
  /** The last linear layer alone, exactly; or every layer of the tail. */
  readonly trains: 'head' | 'tail';
  /** It starts from `LearnerInput.prior`, and so keeps what the sums know. */
  readonly usesStatistics: boolean;
  /** It can learn through the rounding of the file that will be written. */
  readonly seesRounding: boolean;
  fit(input: LearnerInput): Promise<FittedTail>;
}
