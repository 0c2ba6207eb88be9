// What the inference worker does, inside the command line while no daemon runs: a capture → features and scores. Opened with the first capture.
import type { InputSpec } from '../config/card.ts';
import type { Inferred } from '../inference/protocol.ts';
import { scoresOf } from '../inference/scores.ts';
import { openTail, type TailRunner } from '../model/classify.ts';
import { createEmbedder, type Embedder } from '../model/embed.ts';
import { loadModel } from '../model/load.ts';
import type { Classifier } from '../model/open.ts';
import { preprocessCapture } from '../preprocess/capture-input.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { TailChoice } from '../types.ts';

export interface OfflineInference {
  infer(bytes: Uint8Array, release: TailChoice): Promise<Inferred>;
  close(): Promise<void>;
}

export function createOfflineInference(classifier: Classifier, input: InputSpec, runtime: Runtime): OfflineInference {
  let embedder: Embedder | null = null;
  let tail: { readonly version: string; readonly runner: TailRunner } | null = null;

  async function tailOf({ version, artifact }: TailChoice): Promise<TailRunner> {
    if (tail?.version === version) return tail.runner;
    await tail?.runner.close();
    const { cut, features, tail: float } = classifier;
    const model = artifact === null ? classifier.model : loadModel(artifact).model;
    const runner = await openTail(model, { cut: cut.tensor, features, activation: float.activation, runtime });
    tail = { version, runner };
    return runner;
  }

  return {
    async infer(bytes, release) {
      const since = performance.now();
      const { data, hash } = await preprocessCapture(bytes, input);
      embedder ??= await createEmbedder(classifier, runtime);
      const features = await embedder.embed(data);
      const { probabilities } = await (await tailOf(release)).classify(features);
      return {
        features,
        scores: scoresOf(probabilities, release.classes),
        hash,
        release: release.version,
        latencyMs: performance.now() - since,
      };
    },
    async close() {
      await tail?.runner.close();
      await embedder?.close();
    },
  };
}
