// Is it still normal: one distance in, whether it lies above the threshold out.
import type { ModelCard } from '../config/card.ts';
import { above, bestThreshold } from '../learn/anomaly/ranking.ts';
import { proportion } from '../learn/evaluate.ts';
import type { Estimate } from '../learn/intervals.ts';
import type { Verdict } from '../types.ts';
import type { AnswerOf, Task } from './task.ts';

type Distance = AnswerOf<'distance'>;
export type Normality = 'normal' | 'anomalous';

/** What folders of either kind are called. */
export const normalityNames: Readonly<Record<Normality, readonly string[]>> = {
  normal: ['normal', 'good', 'ok'],
  anomalous: ['anomalous', 'anomaly', 'anomalies', 'abnormal', 'bad', 'defect', 'faulty'],
};

export interface DistanceEvidence {
  /** Different normal captures that were learned from. */
  readonly learned: number;
  /** Scores of normal captures that were not, and of anomalous ones; null without any. */
  readonly normal: Float32Array;
  readonly anomalous: Float32Array | null;
  /** Chance that an anomalous one scores higher; null without any. */
  readonly auroc: Estimate | null;
  readonly threshold: number;
}

/** Fewer normal captures cannot be judged by. */
export const fewestNormal = 10;

/** `answer` takes one value. At the threshold nothing is sure; it is surer the further a distance lies from it, to either side. */
export const distance: Task<Distance, Pick<ModelCard, 'threshold'>, Normality, readonly [DistanceEvidence]> = {
  answer: ([value = Number.NaN], { threshold = null }) => ({ kind: 'distance', distance: value, threshold }),
  target(text) {
    const name = text.toLowerCase();
    return (['normal', 'anomalous'] as const).find((kind) => normalityNames[kind].includes(name)) ?? null;
  },
  word: (answer) => (answer.threshold === null ? 'without a threshold' : answer.distance > answer.threshold ? 'anomalous' : 'normal'),
  line(answer) {
    const allowed = answer.threshold === null ? '' : `, ${answer.threshold.toPrecision(4)} allowed`;
    return `${distance.word(answer)}: ${answer.distance.toPrecision(4)} from normal${allowed}`;
  },
  confidence(answer) {
    if (answer.threshold === null) return null;
    const [near, far] = [answer.distance, answer.threshold].sort((a, b) => a - b) as [number, number];
    return far === 0 ? 0 : 1 - near / far;
  },
  prediction: (answer) => ({ ...answer }),
  question: (answer) => ({ ...answer }),
  judge({ learned, normal, anomalous, auroc, threshold }): Verdict {
    if (learned < fewestNormal)
      return { kind: 'waiting', reason: `${learned} different captures of what is normal are too few; ${fewestNormal} are needed.` };
    if (auroc === null || anomalous === null)
      return { kind: 'accepted', reason: 'It knows what is normal; no anomalous captures were there to say what it finds.' };
    const said = `an anomalous capture scores higher than a normal one with a chance of ${auroc.value.toFixed(3)} (95 % interval ${auroc.low.toFixed(3)} to ${auroc.high.toFixed(3)})`;
    if (auroc.low <= 0.5) return { kind: 'rejected', reason: `Not better than chance: ${said}.` };
    const at = (limit: number) =>
      `${above(anomalous, limit)} of ${anomalous.length} anomalous captures and ${above(normal, limit)} of ${normal.length} normal ones`;
    const alarms = `at its threshold of ${threshold.toPrecision(4)} it raises an alarm on ${at(threshold)}`;
    // Ranking is not finding: the threshold that is written must tell the two apart by itself.
    const found = proportion(above(anomalous, threshold), anomalous.length);
    if (found.low > above(normal, threshold) / normal.length)
      return { kind: 'accepted', reason: `Better than chance: ${said}; ${alarms}.` };
    const other = bestThreshold(normal, anomalous);
    const share = Math.max(1, Math.ceil((100 * above(normal, other)) / normal.length));
    return {
      kind: 'rejected',
      reason: `Its threshold finds too little: ${alarms}, though ${said}. At ${other.toPrecision(4)} it would be ${at(other)}: allow more false alarms, for example --false-alarms ${share}%, or learn from more normal captures.`,
    };
  },
};
