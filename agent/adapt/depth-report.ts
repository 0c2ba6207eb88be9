// What training several layers bought against training the last one alone: on left-out rows, which decided, and on the rows that judge.

import type { Chosen } from '../learn/choose.ts';
import { type Comparison, comparePaired } from '../learn/paired.ts';
import type { FloatTail } from '../onnx/surgery/tail.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { FeatureSet, Proportion } from '../types.ts';
import { hitsOfFloat } from './judge-candidate.ts';

export interface ComparedDepth {
  readonly lastLayer: Proportion;
  readonly allLayers: Proportion;
  /** Accuracy of all layers less that of the last one alone on the same samples, with its 95 % interval. */
  readonly gain: { readonly value: number; readonly low: number; readonly high: number };
}

export interface DepthReport {
  /** Layers with weights behind the cut. */
  readonly layers: number;
  readonly ships: 'last layer' | 'all layers';
  /** On rows left out of training: this decided. null where nothing could be left out. */
  readonly leftOut: ComparedDepth | null;
  /** On the test or held-out samples, by both float tails; null where there are none. */
  readonly judged: ComparedDepth | null;
}

interface Judging {
  readonly tail: FloatTail;
  readonly layers: number;
  /** Rows that nothing was learned from; null where there are none. */
  readonly set: FeatureSet | null;
  readonly shape: readonly number[];
  readonly runtime: Runtime;
}

/** null where only one layer could be trained, or one learner was possible. */
export async function reportDepth({ depth, learner }: Chosen, judging: Judging): Promise<DepthReport | null> {
  if (depth === null) return null;
  const { tail, layers, set, shape, runtime } = judging;
  const judge = (fitted: typeof depth.deep, rows: FeatureSet) => hitsOfFloat(tail, fitted.weights, rows, shape, runtime);
  return {
    layers,
    ships: learner.trains === 'head' ? 'last layer' : 'all layers',
    leftOut: depth.leftOut === null ? null : compared(depth.leftOut),
    judged: set === null ? null : compared(comparePaired(await judge(depth.shallow, set), await judge(depth.deep, set))),
  };
}

function compared({ first, second, gain, low, high }: Comparison): ComparedDepth {
  return { lastLayer: first, allLayers: second, gain: { value: gain, low, high } };
}
