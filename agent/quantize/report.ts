// What `whet quantize` takes and answers. The report is JSON that other programs rely on: what does not apply is null.
import type { Runtime } from '../runtime/runtime.ts';
import type { Progress, Proportion } from '../types.ts';
import type { LayerFidelity } from './layer-fidelity.ts';

export interface QuantizeJob {
  /** Path of the float ONNX classifier. */
  readonly model: string;
  /** Captures to calibrate on: a folder a class, or just files. */
  readonly data: string;
  /** Captures to judge on; what calibration leaves of `data` unless told. */
  readonly test?: string;
  /** Model card; the one beside the model unless told. */
  readonly card?: string;
  readonly ranges: 'minmax' | 'percentile' | 'entropy';
  /** For 'percentile': share of the values inside, in percent. */
  readonly percent: number;
  readonly biasCorrection: boolean;
  /** Captures to calibrate on. */
  readonly samples: number;
  /** Stay float before this tensor. */
  readonly from?: string;
  /** Nodes or tensors that stay float. */
  readonly keepFloat: readonly string[];
  readonly activations: 'uint8' | 'int8';
  readonly perChannel: boolean;
  readonly reduceRange: boolean;
  readonly runtime: Runtime;
  /** Path of the int8 model; the card is written beside it. */
  readonly out: string;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
  /** Sentences for people about what was found on the way. */
  readonly note?: (sentence: string) => void;
}

export interface QuantizeReport {
  readonly model: { readonly file: string; readonly bytes: number; readonly sha256: string };
  readonly artifact: { readonly file: string; readonly bytes: number; readonly sha256: string };
  readonly calibration: {
    readonly samples: number;
    readonly unreadable: number;
    readonly ranges: QuantizeJob['ranges'];
    readonly biasCorrection: boolean;
    /** Activations with a scale, and layers with integer weights. */
    readonly activations: number;
    readonly layers: number;
  };
  readonly test: {
    /** 'calibration': nothing else was there to judge on, and the numbers flatter. */
    readonly from: 'test' | 'rest' | 'calibration';
    readonly samples: number;
    /** Captures whose folder is named like a class of the model card. */
    readonly labelled: number;
    /** null where no capture has a label. */
    readonly float: Proportion | null;
    readonly int8: Proportion | null;
    /** Both choose the same class. */
    readonly agreement: Proportion;
    readonly largestDifference: number;
  };
  /** The worst first. */
  readonly layers: readonly LayerFidelity[];
  readonly latencyMs: { readonly float: number; readonly int8: number };
  readonly seconds: number;
  readonly peakRssMb: number;
}
