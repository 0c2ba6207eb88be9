// What `whet predict` found: one record a file, the document of `--json`.
import type { ModelCard } from '../config/card.ts';
import type { ClassScore } from '../types.ts';

export interface PredictReport {
  /** The model file. */
  readonly model: string;
  readonly name: string;
  readonly task: ModelCard['task'];
  /** The release that answered, or 'base', where a configuration was named; null for a model file alone. */
  readonly release: string | null;
  readonly files: readonly FileAnswer[];
}

export type FileAnswer = { readonly file: string } & (
  | { readonly answers: readonly ClassScore[] }
  | { readonly quantities: readonly Quantity[] }
  /** How far the capture is from what is normal; above the threshold it is anomalous. `threshold` null: the card has none. */
  | { readonly distance: number; readonly threshold: number | null; readonly anomalous: boolean | null }
  | { readonly error: string }
);

export interface Quantity {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}
