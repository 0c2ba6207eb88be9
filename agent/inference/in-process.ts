// What the inference worker does, for a command that ends soon: in this process, one call at a time, each opening what it needs.
import type { ModelCard } from '../config/card.ts';
import { classNames } from '../config/labels.ts';
import type { TailRunner } from '../model/classify.ts';
import { createEmbedder, type Embedder } from '../model/embed.ts';
import { loadModel } from '../model/load.ts';
import { openClassifier } from '../model/open.ts';
import { inputShape, viewCount } from '../preprocess/capture-input.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { UnderWay } from '../store/under-way.ts';
import { classes } from '../tasks/classes.ts';
import type { Answer, Inferred, TailChoice } from '../types.ts';
import { decodeWarily } from './apart.ts';
import type { WorkerSetup } from './protocol.ts';
import { openRelease } from './release-tail.ts';

export async function inferInProcess(
  modelPath: string,
  cut: WorkerSetup['cut'],
  { input, labels }: Pick<ModelCard, 'input' | 'labels'>,
  runtime: Runtime,
) {
  const { model, sha256 } = loadModel(modelPath);
  const classifier = await openClassifier(model, { cut, runtime, inputShape: inputShape(input) });
  /** What predicts since `use`. */
  let current: TailChoice = { version: 'base', artifact: null, classes: classNames(labels, classifier.classes) };
  let opened: { readonly embedder: Embedder; readonly tail: TailRunner; readonly release: TailChoice } | null = null;

  async function close(): Promise<void> {
    await opened?.tail.close();
    await opened?.embedder.close();
    opened = null;
  }

  return {
    facts: { sha256, backbone: classifier.backboneHash, cut: classifier.cut.tensor, classes: classifier.classes },
    /** Throws where a release cannot predict. */
    async use(release: TailChoice): Promise<void> {
      await using _ = await openRelease(classifier, release, runtime);
      await close();
      current = release.artifact === null ? { ...release, classes: classNames(labels, classifier.classes) } : release;
    },
    /** By what is used; what it opens stays open until `close`. */
    async infer(underWay: UnderWay, bytes: Uint8Array, what: string): Promise<Inferred> {
      const since = performance.now();
      const { plain } = await decodeWarily(underWay, what, { bytes, input, count: 0 });
      const { data, hash } = plain;
      opened ??= {
        embedder: await createEmbedder(classifier, runtime),
        tail: await openRelease(classifier, current, runtime),
        release: current,
      };
      const features = await opened.embedder.embed(data);
      const answer = classes.answer((await opened.tail.classify(features)).probabilities, opened.release);
      return { features, answer, hash, release: opened.release.version, latencyMs: performance.now() - since };
    },
    close,
    async embedViews(underWay: UnderWay, raw: Uint8Array, what: string): Promise<readonly Float32Array[]> {
      await using embedder = await createEmbedder(classifier, runtime);
      const features: Float32Array[] = [];
      const { views } = await decodeWarily(underWay, what, { bytes: raw, input, count: viewCount(input, 1) });
      for (const view of views) features.push(await embedder.embed(view));
      return features;
    },
    async answers(release: TailChoice, features: readonly Float32Array[]): Promise<readonly Answer[]> {
      await using runner = await openRelease(classifier, release, runtime);
      const said: Answer[] = [];
      for (const one of features) said.push(classes.answer((await runner.classify(one)).probabilities, release));
      return said;
    },
  };
}
