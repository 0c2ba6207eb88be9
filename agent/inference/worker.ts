// The inference worker: captures in, features and predictions out. The only thread of the daemon that runs a model. Decoding goes ahead on
// other threads while the runtime computes; captures are answered in the order they came.
import { setImmediate } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { classNames } from '../config/labels.ts';
import { messageOf, WhetError } from '../errors.ts';
import { createEmbedder } from '../model/embed.ts';
import { loadModel } from '../model/load.ts';
import { openClassifier } from '../model/open.ts';
import { drawViews, inputShape, preprocessCapture } from '../preprocess/capture-input.ts';
import { createRuntime } from '../runtime/runtime.ts';
import { availableProviders, runtimeVersion } from '../runtime/session.ts';
import { classes } from '../tasks/classes.ts';
import type { Answer, Inferred, TailChoice } from '../types.ts';
import type { FromWorker, ToWorker, WorkerSetup } from './protocol.ts';
import { openRelease } from './release-tail.ts';

const port = parentPort;
if (port === null) throw new WhetError('internal', 'the inference worker is not a program of its own');
const setup = workerData as WorkerSetup;
const runtime = createRuntime({ threads: setup.threads });
const say = (message: FromWorker) => port.postMessage(message);

function fail(id: number | null, error: unknown): void {
  const known = error instanceof WhetError ? error : new WhetError('internal', messageOf(error));
  say({ kind: 'failed', id, code: known.code, message: known.message, hint: known.hint ?? null });
}

try {
  const loaded = loadModel(setup.modelPath);
  const classifier = await openClassifier(loaded.model, { cut: setup.cut, runtime, inputShape: inputShape(setup.input) });
  const embedder = await createEmbedder(classifier, runtime);
  /** The base model's classes are those of its card, numbered where the card does not name them all. */
  const named = (release: TailChoice) =>
    release.artifact === null ? { ...release, classes: classNames(setup.baseLabels, classifier.classes) } : release;
  const first = named(setup.release ?? { version: 'base', artifact: null, classes: [] });
  let current = { release: first, runner: await openRelease(classifier, first, runtime) };
  let last: Promise<void> = Promise.resolve();
  /** One after the other, so that answers keep their order and a swap falls between two captures. */
  const next = (id: number, work: () => Promise<void>) => {
    // Captures that wait at the door come in first, so that they are decoded on other threads while this one computes.
    last = last
      .then(() => setImmediate())
      .then(work)
      .catch((error) => fail(id, error));
  };

  port.on('message', (message: ToWorker) => {
    if (message.kind === 'swap') {
      return next(message.id, async () => {
        const before = current.runner;
        const release = named(message.release);
        current = { release, runner: await openRelease(classifier, release, runtime) };
        await before.close();
        say({ kind: 'swapped', id: message.id });
      });
    }
    if (message.kind === 'answers') {
      return next(message.id, async () => {
        const release = named(message.release);
        await using runner = await openRelease(classifier, release, runtime);
        const answers: Answer[] = [];
        for (const features of message.features) answers.push(classes.answer((await runner.classify(features)).probabilities, release));
        say({ kind: 'answers', id: message.id, answers });
      });
    }
    const { capture } = message;
    if (message.kind === 'views') {
      const drawing = capture instanceof Uint8Array ? drawViews(capture, setup.input, message.count) : Promise.resolve(capture.views);
      drawing.catch(() => {});
      return next(message.id, async () => {
        const views: Float32Array[] = [];
        for (const view of await drawing) views.push(await embedder.embed(view));
        say({ kind: 'views', id: message.id, views });
      });
    }
    const since = performance.now();
    const decoding = capture instanceof Uint8Array ? preprocessCapture(capture, setup.input) : Promise.resolve(capture.plain);
    // Its failure is answered when its turn comes; until then it must not count as unhandled.
    decoding.catch(() => {});
    next(message.id, async () => {
      const { data, hash } = await decoding;
      const features = await embedder.embed(data);
      const { probabilities } = await current.runner.classify(features);
      const inferred: Inferred = {
        features,
        answer: classes.answer(probabilities, current.release),
        hash,
        release: current.release.version,
        latencyMs: performance.now() - since,
      };
      say({ kind: 'inferred', id: message.id, inferred });
    });
  });

  say({
    kind: 'ready',
    facts: {
      sha256: loaded.sha256,
      backbone: classifier.backboneHash,
      cut: classifier.cut.tensor,
      width: classifier.features.width,
      classes: classifier.classes,
      providers: availableProviders(),
      runtime: runtimeVersion,
    },
  });
} catch (error) {
  fail(null, error);
  port.close();
}
