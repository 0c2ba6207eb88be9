// The device that a configuration names, for the command line: its running daemon through the socket, or its store and releases while none
// runs. Takes the path of the configuration (or none).
import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { openQuantizedTail } from '../candidate/evidence.ts';
import { machineClock } from '../clock.ts';
import { classNames } from '../config/labels.ts';
import { findConfig, loadConfig } from '../config/load.ts';
import type { Config } from '../config/resolve.ts';
import { WhetError } from '../errors.ts';
import { requireHealthy } from '../inference/health-check.ts';
import { createLog } from '../log.ts';
import { openTail } from '../model/classify.ts';
import { createEmbedder } from '../model/embed.ts';
import { loadModel } from '../model/load.ts';
import { openClassifier } from '../model/open.ts';
import { createControlClient } from '../operations/control-client.ts';
import type { Device } from '../operations/table.ts';
import { drawViews, inputShape, viewCount } from '../preprocess/capture-input.ts';
import { createRuntime } from '../runtime/runtime.ts';
import { classes } from '../tasks/classes.ts';
import type { Answer, TailChoice } from '../types.ts';
import { assemble } from './assemble.ts';
import { createEngine, localDevice } from './engine.ts';
import { placesOf } from './places.ts';

export async function openDevice(named: string | undefined): Promise<Device> {
  const { config } = await loadConfig(await findConfig(named));
  const { socket } = placesOf(config);
  return (await answers(socket)) ? createControlClient(socket) : openOffline(config);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

async function openOffline(config: Config): Promise<Device> {
  const clock = machineClock;
  const runtime = createRuntime({ threads: config.threads });
  // People read what the command prints; the log is for what they must not miss.
  const log = createLog('warn');
  const assembly = await assemble(config, log, clock);
  const { card } = assembly;
  const loaded = loadModel(config.model);
  const { model } = loaded;
  const classifier = await openClassifier(model, { cut: config.cut, runtime, inputShape: inputShape(card.input) });
  const file = statSync(config.model);
  const engine = createEngine({
    config,
    assembly,
    base: {
      name: card.name,
      sha256: loaded.sha256,
      backbone: classifier.backboneHash,
      cut: classifier.cut.tensor,
      classes: classNames(card.labels, classifier.classes),
      bytes: file.size,
      createdAtMs: file.mtimeMs,
    },
    clock,
    log,
    async use(release: TailChoice) {
      const artifact = release.artifact === null ? model : loadModel(release.artifact).model;
      const { features, tail, cut } = classifier;
      await using runner = await openTail(artifact, { cut: cut.tensor, features, activation: tail.activation, runtime });
      await requireHealthy(runner, release, features.width);
    },
    async embedViews(raw) {
      await using embedder = await createEmbedder(classifier, runtime);
      const features: Float32Array[] = [];
      for (const view of await drawViews(raw, card.input, viewCount(card.input, 1))) features.push(await embedder.embed(view));
      return features;
    },
    async answers(release, features) {
      const artifact = release.artifact === null ? model : loadModel(release.artifact).model;
      await using runner = await openQuantizedTail(artifact, classifier, runtime);
      const said: Answer[] = [];
      for (const one of features) said.push(classes.answer((await runner.classify(one)).probabilities, release));
      return said;
    },
    // Captures of an earlier base model are embedded again by the daemon.
    embedded: async () => {},
    async receive() {
      throw new WhetError('daemon-unreachable', 'no daemon runs that could fetch weights from another device', {
        hint: 'Start `whet run`, or hand the weights over in the command.',
      });
    },
    // The daemon announces the current release and the last report when it starts.
    announce: async () => 0,
    live: null,
  });
  await engine.start();
  return localDevice(engine.parts, async () => {
    await engine.stop();
    assembly.close();
  });
}
