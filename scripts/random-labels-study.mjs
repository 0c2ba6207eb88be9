// Random labels through a whole device: 24 captures whose labels mean nothing, shown again and again by a camera, lying in a folder with copies of them,
// or heard again by a microphone; the device trains after every showing. How often is anything released? At most one draw in ten may be.
// scripts/node scripts/random-labels-study.mjs DATA [--draws 40] [--showings 3]      DATA holds cifar10.tar and fsdd

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { loadCard } from '../agent/config/card.ts';
import { resolveConfig } from '../agent/config/resolve.ts';
import { configSchema } from '../agent/config/schema.ts';
import { createEmbedder } from '../agent/model/embed.ts';
import { loadModel } from '../agent/model/load.ts';
import { openClassifier } from '../agent/model/open.ts';
import { inputShape, preprocessCapture } from '../agent/preprocess/capture-input.ts';
import { randomOf, shuffled } from '../agent/random.ts';
import { createRuntime } from '../agent/runtime/runtime.ts';
import { openStore } from '../agent/store/store.ts';
import { improve } from '../agent/training/improve.ts';
import { looksOf, momentRules } from '../agent/training/moments.ts';
import { photographsOf } from './likeness-study.mjs';

const captures = 24;
const hour = 3_600_000;
const limits = { maxUnlabelled: 10, maxBytes: 256e6, maxRawBytes: 64e6 };

/** The same scene in another frame: noise of the sensor, compressed anew. */
async function frame(bytes, random) {
  const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  for (let at = 0; at < data.length; at += 1) data[at] = Math.max(0, Math.min(255, data[at] + 8 * (random() + random() + random() - 1.5)));
  return sharp(data, { raw: info }).jpeg({ quality: 85 }).toBuffer();
}

/** The same recording heard again: a little quieter, with a little noise. Of 16-bit WAV files. */
async function heard(bytes, random) {
  const again = Buffer.from(bytes);
  const gain = 0.8 + 0.2 * random();
  for (let at = again.indexOf('data') + 8; at + 1 < again.length; at += 2)
    again.writeInt16LE(Math.max(-32768, Math.min(32767, Math.round(again.readInt16LE(at) * gain + 40 * (random() - 0.5)))), at);
  return again;
}

/** How each kind of source shows a capture another time. A folder holds the file itself and copies of it. */
export const sources = {
  camera: { model: 'objects', source: { name: 'it', kind: 'mjpeg', command: ['true'] }, again: frame },
  folder: {
    model: 'objects',
    source: { name: 'it', kind: 'folder', path: 'inbox' },
    again: async (bytes, random) => (random() < 0.5 ? bytes : frame(bytes, random)),
  },
  microphone: { model: 'spoken-digits', source: { name: 'it', kind: 'microphone' }, again: heard },
};

export async function openStudy(kind) {
  const { model: name, source, again } = sources[kind];
  const modelPath = join('models', name, 'model.onnx');
  const card = await loadCard(join('models', name, 'model.json'));
  const classifier = await openClassifier(loadModel(modelPath).model, {
    cut: { kind: 'layers', layers: 1 },
    runtime: createRuntime(),
    inputShape: inputShape(card.input),
  });
  const embedder = await createEmbedder(classifier, createRuntime());
  return { modelPath, card, classifier, embedder, source, again };
}

/** Trains after every showing of all captures; gives the number of the showing after which something was accepted, or null. */
export async function draw({ modelPath, card, classifier, embedder, source, again }, originals, seed, showings) {
  const state = mkdtempSync(join(tmpdir(), 'whet-random-'));
  const config = resolveConfig(
    configSchema.parse({ model: modelPath, state, device: 'random', classes: 'replace', sources: [source] }),
    join(state, 'w.yaml'),
    { env: {}, home: state, hostname: 'random' },
  );
  const random = randomOf(seed);
  const labels = shuffled(
    originals.map((_, at) => (at % 2 ? 'a' : 'b')),
    random,
  );
  const database = join(state, 'store.db');
  const clock = { nowMs: Date.UTC(2026, 0, 1), now: () => clock.nowMs, monotonicMs: () => clock.nowMs };
  const store = openStore(database, { samples: limits, outbox: { maxBytes: 1e6, maxAgeMs: hour }, clock });
  try {
    for (let showing = 1; showing <= showings; showing += 1) {
      for (const [at, original] of originals.entries()) {
        const bytes = showing === 1 ? original : await again(original, random);
        const { data, hash } = await preprocessCapture(bytes, card.input);
        const features = Float32Array.from(await embedder.embed(data));
        clock.nowMs += 5000;
        store.samples.add({
          ...{ source: 'it', timeMs: clock.nowMs, origin: `${showing} ${at}`, backbone: classifier.backboneHash },
          ...{ features, answer: { kind: 'classes', scores: [] }, release: 'base', hash, raw: bytes, label: labels[at] },
        });
      }
      clock.nowMs += hour;
      store.moments.assign(momentRules(config, card));
      const candidateDir = join(state, `candidate-${showing}`);
      mkdirSync(candidateDir);
      const looks = looksOf(store.settings);
      const { learner, engine, gradient, minPerClass, nice } = config.training;
      const outcome = await improve(
        {
          ...{ run: `r${showing}`, reason: 'study', startedAtMs: clock.nowMs, database, modelPath, card, cut: config.cut, candidateDir },
          ...{ classes: config.classes, learner, engine, gradient, gate: config.gate, minPerClass, threads: 1, nice, seed: 1 },
          current: { version: 'base', artifact: null, classes: card.labels },
          ...{ currentSeen: [], known: null, looks: looks.at('base'), unlearning: false },
        },
        createRuntime(),
        () => {},
      );
      looks.keep('base', outcome.look);
      if (outcome.report.verdict.kind === 'accepted') return showing;
    }
    return null;
  } finally {
    store.close();
    rmSync(state, { recursive: true, force: true });
  }
}

function recordingsOf(data, seed) {
  const names = readdirSync(join(data, 'fsdd')).filter((name) => name.endsWith('.wav'));
  return shuffled(names, randomOf(seed))
    .slice(0, captures)
    .map((name) => readFileSync(join(data, 'fsdd', name)));
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { draws: { type: 'string', default: '40' }, showings: { type: 'string', default: '3' } },
    allowPositionals: true,
  });
  const [data, draws] = [positionals[0], Number(values.draws)];
  const photographs = photographsOf(data, 2 * captures * draws, 'train');
  let next = 0;
  for (const kind of Object.keys(sources)) {
    const study = await openStudy(kind);
    let released = 0;
    for (let number = 0; number < draws; number += 1) {
      const originals = kind === 'microphone' ? recordingsOf(data, number) : photographs.slice(next, next + captures);
      next += captures;
      if ((await draw(study, originals, next, Number(values.showings))) !== null) released += 1;
    }
    await study.embedder.close();
    console.log(
      `${kind}: something was released in ${released} of ${draws} draws (${captures} captures, ${values.showings} trainings each)`,
    );
  }
}
