// What takes classifiers says so to models of other tasks. A card in, nothing out; refuses (`model-unsupported`) the others.
import { WhetError } from '../errors.ts';
import type { ModelCard } from './card.ts';

/** Throws `model-unsupported` for models that give something other than scores of classes. */
export function requireClassifier({ task }: Pick<ModelCard, 'task'>, model: string, what: string): void {
  if (task === 'classification') return;
  throw new WhetError(
    'model-unsupported',
    `'${model}' gives ${task === 'regression' ? 'quantities' : 'an anomaly score'} (its card says "task": "${task}"); ${what} takes classifiers`,
    {
      hint: 'Regression and anomaly scores are learned by `whet adapt --task …` from the classifier, and run in any ONNX Runtime; the daemon does not run them yet.',
    },
  );
}
