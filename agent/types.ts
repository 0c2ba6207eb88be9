// The records that travel between rooms, and the small interfaces through which the composition root joins them. No code lives here.

/** What a capture is: a picture, a recording, or a stretch of sensor readings. */
export type CaptureKind = 'image' | 'audio' | 'sensor';

/** One raw capture as a source emits it. */
export interface Capture {
  /** Name of the source in the configuration. */
  readonly source: string;
  /** Milliseconds since the epoch, of the capture itself. */
  readonly timeMs: number;
  readonly kind: CaptureKind;
  /** The encoded bytes (JPEG, WAV, CSV …), hostile until decoded. */
  readonly bytes: Uint8Array;
  /** A class name, where the source knows it (a subfolder named like a class). */
  readonly label?: string;
  /** Identifies this capture at its source (path, size and time of a file), so that a restart does not take it twice. */
  readonly origin?: string;
  /**
   * What the source says is one observation: captures of this source with the same moment are no independent evidence of anything (a burst of frames,
   * the pieces of one utterance, windows that share readings, one file).
   */
  readonly moment?: string;
}

export interface ClassScore {
  readonly label: string;
  /** Probability in [0, 1]. */
  readonly confidence: number;
}

export interface Quantity {
  readonly name: string;
  /** '' where it is not known. */
  readonly unit: string;
  readonly value: number;
}

/** What a model says of one capture. What a task does with it stands in its record in tasks/. */
export type Answer =
  /** Most likely first; at most ten are kept. */
  | { readonly kind: 'classes'; readonly scores: readonly ClassScore[] }
  /** One a target, in the order of the model card. */
  | { readonly kind: 'quantities'; readonly values: readonly Quantity[] }
  /** From normal; above the threshold it is an alarm. null where the model's card has none. */
  | { readonly kind: 'distance'; readonly distance: number; readonly threshold: number | null };

/** What the inference worker makes of a capture. */
export interface Inferred {
  readonly features: Float32Array;
  readonly answer: Answer;
  /** 64-bit perceptual hash of the picture. */
  readonly hash: bigint;
  readonly release: string;
  /** From the start of decoding to the prediction. */
  readonly latencyMs: number;
}

/** Feature vectors and what is known about them: the input of every learner. */
export interface FeatureSet {
  /** [count, width] row by row. */
  readonly features: Float32Array;
  readonly count: number;
  /** Number of elements of one sample's features. */
  readonly width: number;
  /** Class index of each row. */
  readonly labels: Int32Array;
  /** Importance of each row; 1 where absent. */
  readonly weights?: Float32Array;
  /** Rows of one burst, or augmentations of one capture, share a group and never sit on both sides of a split. */
  readonly groups: Int32Array;
}

/** What the gate decided about a candidate. `reason` is a sentence for people. */
export type Verdict =
  | { readonly kind: 'accepted'; readonly reason: string }
  /** A person asked, and it is ahead: written, though a test of this size cannot show that it is a gain. */
  | { readonly kind: 'not-worse'; readonly reason: string }
  | { readonly kind: 'rejected'; readonly reason: string }
  | { readonly kind: 'waiting'; readonly reason: string };

/** A proportion with the samples behind it and its 95 % Wilson interval. */
export interface Proportion {
  readonly value: number;
  readonly samples: number;
  readonly low: number;
  readonly high: number;
}

/** What several trained layers bring against the last one alone, on the same samples. */
export interface DepthEvidence {
  readonly ships: 'last layer' | 'all layers';
  readonly lastLayer: Proportion;
  readonly allLayers: Proportion;
}

/** How a model that listens does where nothing is said, and where something is. */
export interface ListeningReport {
  /** Classes that mean that nothing was said. */
  readonly background: readonly string[];
  /** Detections in recordings of these classes, an hour of them, with a 95 % interval; null without such recordings. */
  readonly falseAccepts: {
    readonly count: number;
    readonly seconds: number;
    readonly perHour: number;
    readonly low: number;
    readonly high: number;
  } | null;
  /** Recordings of the other classes that are not named as what they are; null without any. */
  readonly missed: (Proportion & { readonly count: number }) | null;
}

/** What one training run found; the payload of `report` and the body of `whet train --json`. */
export interface TrainingReport {
  readonly run: string;
  readonly startedAtMs: number;
  readonly reason: string;
  readonly learner: string | null;
  readonly classes: readonly string[];
  readonly samples: { readonly train: number; readonly holdout: number };
  /** The current release on held-out personal samples, and the candidate on the same ones; null where not applicable. */
  readonly before: Proportion | null;
  readonly after: Proportion | null;
  /** Row: true class, column: predicted class; candidate on held-out samples. */
  readonly confusion: readonly (readonly number[])[] | null;
  /** Accuracy on the base model's golden set; null where the model has none. */
  readonly base: { readonly before: number; readonly after: number } | null;
  /** Where several layers could be trained: the last one alone and all of them on rows left out of training. Absent in reports of old. */
  readonly depth?: DepthEvidence | null;
  readonly verdict: Verdict;
  /** Of a model that listens and knows a background; absent for others, and in reports of old. */
  readonly listening?: ListeningReport;
  /** Whether the sums behind the release travel with its weights, and why not. Absent where there is no release, and in reports of old. */
  readonly carries?: { readonly statistics: boolean; readonly why: string | null };
  /** Version of the release that came of it; null unless accepted. */
  readonly release: string | null;
  readonly seconds: { readonly train: number; readonly total: number };
  readonly peakRssMb: number;
}

/** Facts of a release: its `manifest.json`, and the payload of `model`. */
export interface ReleaseManifest {
  /** Sortable: sequence number and the first hex digits of the artifact's hash, e.g. `000007-3fa9c1d2`. */
  readonly version: string;
  readonly createdAtMs: number;
  /** sha256 of the base model file and of its backbone alone. */
  readonly base: { readonly name: string; readonly sha256: string; readonly backbone: string; readonly cut: string };
  readonly artifact: { readonly file: 'model.onnx'; readonly bytes: number; readonly sha256: string };
  /** The tensors in which the artifact differs from the base model, as safetensors: what travels over MQTT and rebuilds it exactly. */
  readonly delta: { readonly file: 'delta.safetensors'; readonly bytes: number; readonly sha256: string };
  /** Float master weights of the tail; they stay on the device. */
  readonly master: { readonly file: 'master.safetensors'; readonly bytes: number; readonly sha256: string };
  readonly classes: readonly string[];
  readonly learner: string;
  /** Why it exists: 'training', 'unlearning', 'deploy', 'base'. */
  readonly origin: string;
  readonly run: string | null;
  readonly scores: { readonly before: Proportion | null; readonly after: Proportion | null };
  /** Memory by which the batches of its gradient steps were chosen: training again goes by it. Absent in releases of old and from elsewhere. */
  readonly roomBytes?: number;
}

/** Where uplink puts what must not be lost, and takes it from again. Implemented by the store. */
export interface Outbox {
  /** Durable when it returns. */
  enqueue(message: OutboxMessage): void;
  /** All or none, and one flush. */
  enqueueAll(messages: readonly OutboxMessage[]): void;
  /** The oldest messages after `afterId`, in order; at most `limit`. */
  pending(limit: number, afterId?: number): readonly (OutboxMessage & { readonly id: number })[];
  acknowledge(id: number): void;
  readonly counters: OutboxCounters;
}

export interface OutboxMessage {
  /** Topic below `<root>/<device>/`. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain: boolean;
  /** When the thing happened; travels as its original time. */
  readonly timeMs: number;
  /** A newer message with the same key replaces one that is still waiting (`health`, `report` …); null keeps all. */
  readonly replaceKey: string | null;
  /** What goes first when the limit is reached: 'low' before 'high'. Results and reports are 'high'. */
  readonly priority: 'low' | 'high';
}

export interface OutboxCounters {
  readonly waiting: number;
  readonly waitingBytes: number;
  readonly droppedByBytes: number;
  readonly droppedByAge: number;
}

/** The durable record of commands, so that each is answered exactly once, also after a restart. Implemented by the store. */
export interface CommandLog {
  /** Durable when it returns. 'duplicate' where this (type, id) is known, done or not. */
  accept(command: {
    readonly type: string;
    readonly id: string;
    readonly payload: Uint8Array;
    readonly timeMs: number;
  }): 'new' | 'duplicate';
  /** Accepted, not yet finished; in order of arrival. */
  unfinished(): readonly { readonly type: string; readonly id: string; readonly timeMs: number }[];
  /** null where it is finished or was never accepted. */
  payload(type: string, id: string): Uint8Array | null;
  /** Marks it done and enqueues its result in the same transaction. */
  finish(type: string, id: string, result: OutboxMessage): void;
}

/** Which tail predicts: the base model's own, or that of a release's artifact. */
export interface TailChoice {
  /** 'base', or a release version. */
  readonly version: string;
  /** Path of the release's model.onnx; null for the base model. */
  readonly artifact: string | null;
  readonly classes: readonly string[];
}

/** The base model, as it stands beside releases. */
export interface BaseFacts {
  readonly name: string;
  readonly sha256: string;
  /** Hash of the part before the cut: features of another backbone are other features. */
  readonly backbone: string;
  /** Name of the cut tensor. */
  readonly cut: string;
  readonly bytes: number;
  readonly classes: readonly string[];
  readonly createdAtMs: number;
}

/** How a long job tells where it stands; `total` null where it is not known. */
export type Progress = (done: number, total: number | null, what: string) => void;

/** Time as an argument, so that tests can hold it. */
export interface Clock {
  /** Milliseconds since the epoch, as the machine believes: it may be wrong by years, and be set at any time. */
  now(): number;
  /** Milliseconds that only ever go forward, from an arbitrary beginning: for durations. */
  monotonicMs(): number;
}
