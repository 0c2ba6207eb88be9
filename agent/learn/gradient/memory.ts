// What keeps a gradient fit from forgetting when there is nothing to replay: which classes the tail already knows, and what it says at the
// start about samples of those classes (the teacher of a distillation).
import type { FloatTail } from '../../onnx/surgery/tail.ts';

export interface Teaching {
  /** Logits at the start, [count, classes]; classes that are not known are as good as impossible. */
  readonly teacher: Float32Array;
  /** Share of the distillation in each row's loss, [count]. */
  readonly share: Float32Array;
}

/** Softmax at any temperature in use gives exactly zero here. */
const impossible = -1e4;
const shareWhereRight = 0.3;

/** Whether each class has weights in the head: new ones begin at zero. A tail without a linear head keeps its classes, and knows them all. */
export function knownClasses({ head, model }: FloatTail, classes: number): readonly boolean[] {
  if (head === null) return Array(classes).fill(true);
  const data = model.graph.initializers.get(head.weight)?.data as Float32Array;
  const indexOf = (input: number, output: number) => (head.layout === 'in-out' ? input * classes + output : output * head.width + input);
  return Array.from({ length: classes }, (_, output) => {
    for (let input = 0; input < head.width; input += 1) if (data[indexOf(input, output)] !== 0) return true;
    return false;
  });
}

/**
 * The teacher teaches where it is right: there its opinion of the other classes is what would be forgotten. Where it is wrong, the label
 * alone decides; of a class that it does not know it is never right. null where it is never right at all. At least one class is known.
 */
export function teachingOf(logits: Float32Array, labels: Int32Array, known: readonly boolean[]): Teaching | null {
  const classes = known.length;
  const teacher = logits.map((logit, at) => (known[at % classes] === true ? logit : impossible));
  const share = Float32Array.from(labels, (label, row) => {
    const own = teacher.subarray(row * classes, (row + 1) * classes);
    return own.every((logit) => logit <= (own[label] as number)) ? shareWhereRight : 0;
  });
  return share.some((part) => part > 0) ? { teacher, share } : null;
}
