// What the daemon and its inference worker say to each other. Everything crosses by structured clone; a capture's bytes are transferred.
import type { InputSpec } from '../config/card.ts';
import type { CaptureInput } from '../preprocess/capture-input.ts';
import type { Answer, Inferred, TailChoice } from '../types.ts';

/** How the worker opens the model; given once, when it starts. */
export interface WorkerSetup {
  readonly modelPath: string;
  readonly cut: { readonly kind: 'layers'; readonly layers: number } | { readonly kind: 'tensor'; readonly tensor: string };
  readonly input: InputSpec;
  readonly threads: number;
  /** Labels of the model card. */
  readonly baseLabels: readonly string[];
  /** What predicts from the start; the base model itself unless told. */
  readonly release?: TailChoice;
}

/** What the worker found out about the model while opening it. */
export interface ModelFacts {
  /** sha256 of the model file and of its backbone alone; features of another backbone are other features. */
  readonly sha256: string;
  readonly backbone: string;
  readonly cut: string;
  readonly width: number;
  /** Number of classes of the base model. */
  readonly classes: number;
  /** Execution providers that this runtime carries. */
  readonly providers: readonly string[];
  /** Version of ONNX Runtime. */
  readonly runtime: string;
}

/** What a process of its own made of a capture. */
export interface Decoded {
  readonly plain: CaptureInput;
  readonly views: readonly Float32Array[];
}

export type ToWorker =
  | { readonly kind: 'infer'; readonly id: number; readonly capture: Uint8Array | Decoded }
  | { readonly kind: 'views'; readonly id: number; readonly capture: Uint8Array | Decoded; readonly count: number }
  | { readonly kind: 'swap'; readonly id: number; readonly release: TailChoice }
  /** What a release says of stored features, without predicting by it. */
  | { readonly kind: 'answers'; readonly id: number; readonly release: TailChoice; readonly features: readonly Float32Array[] };

export type FromWorker =
  | { readonly kind: 'ready'; readonly facts: ModelFacts }
  | { readonly kind: 'inferred'; readonly id: number; readonly inferred: Inferred }
  | { readonly kind: 'views'; readonly id: number; readonly views: readonly Float32Array[] }
  | { readonly kind: 'swapped'; readonly id: number }
  | { readonly kind: 'answers'; readonly id: number; readonly answers: readonly Answer[] }
  | { readonly kind: 'failed'; readonly id: number | null; readonly code: string; readonly message: string; readonly hint: string | null };
