// The device that a configuration names, for the command line: its running daemon through the socket, or its store and releases while none
// runs. Takes the path of the configuration (or none).

import { connect } from 'node:net';
import { machineClock } from '../clock.ts';
import { classNames } from '../config/labels.ts';
import { findConfig, loadConfig } from '../config/load.ts';
import type { Config } from '../config/resolve.ts';
import { requireHealthy } from '../inference/health-check.ts';
import type { TailChoice } from '../inference/protocol.ts';
import { createLog } from '../log.ts';
import { openTail } from '../model/classify.ts';
import { createEmbedder } from '../model/embed.ts';
import { loadModel } from '../model/load.ts';
import { openClassifier } from '../model/open.ts';
import { drawViews, inputShape, viewCount } from '../preprocess/capture-input.ts';
import { createJobs } from '../training/jobs.ts';
import { assemble } from './assemble.ts';
import { createControlClient } from './control-client.ts';
import type { Device } from './device.ts';
import { createOperations, purgeTainted } from './operations.ts';
import { placesOf } from './places.ts';
import { createViewKeeper } from './view-keeper.ts';

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
  // People read what the command prints; the log is for what they must not miss.
  const log = createLog('warn');
  const assembly = await assemble(config, log, clock);
  const { card, store, releases, places } = assembly;
  const { model } = loadModel(config.model);
  const classifier = await openClassifier(model, { cut: config.cut, threads: config.threads, inputShape: inputShape(card.input) });
  const use = async (release: TailChoice) => {
    const artifact = release.artifact === null ? model : loadModel(release.artifact).model;
    const { features, tail, cut } = classifier;
    await using runner = await openTail(artifact, { cut: cut.tensor, features, activation: tail.activation, threads: config.threads });
    await requireHealthy(runner, release, features.width);
  };
  const embedViews = async (raw: Uint8Array) => {
    await using embedder = await createEmbedder(classifier, config.threads);
    const features: Float32Array[] = [];
    for (const view of await drawViews(raw, card.input, viewCount(card.input, 1))) features.push(await embedder.embed(view));
    return features;
  };
  const viewKeeper = createViewKeeper({ store, backbone: classifier.backboneHash, embedViews, log });
  const jobs = createJobs({
    config,
    card,
    baseClasses: classNames(card.labels, classifier.classes),
    ...{ database: places.database, candidates: places.candidates },
    store,
    releases,
    clock,
    log,
    prepare: (signal) => viewKeeper.settled(signal),
    use,
    // The daemon announces the current release and the last report when it starts.
    reported: () => {},
    released: async () => {},
    progressed: () => {},
  });
  await purgeTainted(store, releases);
  return createOperations({
    config,
    card,
    store,
    releases,
    jobs,
    clock,
    switched: async () => use(await jobs.current()),
    changed: () => {},
    live: null,
    async close() {
      await jobs.stop();
      await viewKeeper.stop();
      assembly.close();
    },
  });
}
