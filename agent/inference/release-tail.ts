// The tail that predicts: the base model's own, or that of a release. A release that does not give its classes, all finite, is refused.
import { openTail, type TailRunner } from '../model/classify.ts';
import { loadModel } from '../model/load.ts';
import type { Classifier } from '../model/open.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { TailChoice } from '../types.ts';
import { requireHealthy } from './health-check.ts';

/** Throws `release-invalid` where its first health check fails. */
export async function openRelease(classifier: Classifier, release: TailChoice, runtime: Runtime): Promise<TailRunner> {
  const model = release.artifact === null ? classifier.model : loadModel(release.artifact).model;
  const { features, tail, cut } = classifier;
  const runner = await openTail(model, { cut: cut.tensor, features, activation: tail.activation, runtime });
  try {
    await requireHealthy(runner, release, features.width);
    return runner;
  } catch (error) {
    await runner.close();
    throw error;
  }
}
