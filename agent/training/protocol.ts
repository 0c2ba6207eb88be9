// What the daemon and its trainer process say to each other. Everything crosses by structured clone over the child's IPC channel.
import type { GateLimits } from '../candidate/gate.ts';
import type { Look } from '../candidate/looks.ts';
import type { ModelCard } from '../config/card.ts';
import type { GradientSettings } from '../config/gradient-schema.ts';
import type { EngineName } from '../learn/engines.ts';
import type { ReleaseManifest, TailChoice, TrainingReport } from '../types.ts';

export interface TrainingJob {
  readonly run: string;
  readonly reason: string;
  readonly startedAtMs: number;
  /** The store's database file; the trainer reads it and never writes. */
  readonly database: string;
  readonly modelPath: string;
  readonly card: ModelCard;
  readonly cut: { readonly kind: 'layers'; readonly layers: number } | { readonly kind: 'tensor'; readonly tensor: string };
  readonly classes: 'keep' | 'extend' | 'replace';
  readonly learner: 'auto' | 'closed-form' | 'gradient';
  /** What trains by gradients. */
  readonly engine: EngineName;
  /** How gradient steps go about it. */
  readonly gradient: GradientSettings;
  readonly gate: Omit<GateLimits, 'minPerClass' | 'look'>;
  readonly minPerClass: number;
  readonly threads: number;
  readonly nice: number;
  readonly seed: number;
  /** The release that predicts now, against which a candidate is judged. */
  readonly current: TailChoice;
  /** Samples that the current release was trained on, and the others of their moments: they cannot judge it. */
  readonly currentSeen: readonly string[];
  /** A safetensors file with what the current release knew that the base does not (`model/lineage.ts`); null for the base. */
  readonly known: string | null;
  /** How often something was judged against the current release before. */
  readonly looks: Look;
  /** true: samples were forgotten, and the new tail replaces the old one unless it is broken. */
  readonly unlearning: boolean;
  /** Memory by which the forgotten release chose its batches, in bytes; null: what is free. */
  readonly roomBytes: number | null;
  /** An empty directory for the candidate's files: model.onnx, delta.safetensors, master.safetensors, card.json. */
  readonly candidateDir: string;
}

export interface TrainingOutcome {
  readonly report: TrainingReport;
  /** Samples that were learned from, for exact unlearning later. */
  readonly trainedOn: readonly string[];
  /** Looks at the current release, this run's included. */
  readonly look: Look;
  /** What a release needs besides its files; null unless accepted. */
  readonly candidate: Omit<ReleaseManifest, 'version' | 'createdAtMs'> | null;
}

export type FromTrainer =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number | null; readonly what: string }
  | { readonly kind: 'outcome'; readonly outcome: TrainingOutcome }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly hint: string | null };
