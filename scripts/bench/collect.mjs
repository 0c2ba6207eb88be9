// The collect loop's rate beside a bare ONNX Runtime loop on the same model: the real inference worker, decoding, store and duplicates on one
// side; on the other nothing but `session.run` on a tensor that is ready. Alternately, one thread each; medians.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drawScene, things } from '../../dist/demo/scenes.js';
import { createCollect } from '../../dist/engine/collect.js';
import { collectPorts } from '../../dist/engine/collecting.js';
import { createEvents } from '../../dist/events.js';
import { createInference } from '../../dist/inference/inference.js';
import { createLog } from '../../dist/log.js';
import { rasterise } from '../../dist/preprocess/picture.js';
import { openSession } from '../../dist/runtime/session.js';
import { openStore } from '../../dist/store/store.js';
import { imagenet } from './imagenet.mjs';
import { formatTable, median } from './table.mjs';

const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const target = 0.95;

export async function run({ rounds, say }) {
  const jobs = [
    { name: 'MobileNetV2 int8', model: at('../shared/models/mobilenetv2-int8-dynamic.onnx'), input: imagenet, classes: 1000, frames: 60 },
    {
      name: 'objects (shipped)',
      model: at('models/objects/model.onnx'),
      input: JSON.parse(readFileSync(at('models/objects/model.json'), 'utf8')).input,
      classes: 10,
      frames: 400,
    },
  ].filter(({ model }) => existsSync(model));
  say('collect: frames a second through decode, backbone, tail and store, against a bare runtime loop; one thread');
  const results = [];
  for (const job of jobs) results.push(await compare(job, rounds));
  const row = ({ name, collect, bare, ratio }) => [name, collect.toFixed(1), bare.toFixed(1), ratio.toFixed(3), `≥ ${target}`];
  say(formatTable(['model', 'collect /s', 'bare /s', 'ratio', 'target'], results.map(row)));
  return results;
}

async function compare({ name, model, input, classes, frames }, rounds) {
  const captures = await pictures(frames, input.width);
  const folder = mkdtempSync(join(tmpdir(), 'whet-bench-'));
  const clock = { now: Date.now, monotonicMs: () => performance.now() };
  const log = createLog('silent');
  const labels = Array.from({ length: classes }, (_, index) => `class ${index}`);
  const store = openStore(join(folder, 'store.db'), {
    samples: { maxUnlabelled: 1e6, maxBytes: 1e9, maxRawBytes: 1e9 },
    outbox: { maxBytes: 1e6, maxAgeMs: 1e9 },
    clock,
  });
  const inference = createInference(
    {
      modelPath: model,
      cut: { kind: 'layers', layers: 1 },
      input,
      threads: 1,
      baseLabels: labels,
      release: { version: 'base', artifact: null, classes: labels },
    },
    log,
  );
  const facts = await inference.start();
  const config = { duplicates: { distance: 4, windowSeconds: 0 }, queries: { perHour: 0, thumbnail: false } };
  const collect = createCollect(collectPorts(config, store, inference, facts.backbone, createEvents(log), clock), 0, log, clock);
  const session = await openSession(readFileSync(model), { label: name, threads: 1 });
  const tensor = {
    dtype: 'float32',
    dims: [1, 3, input.height, input.width],
    data: new Float32Array(3 * input.height * input.width).fill(0.1),
  };
  const [inputName] = session.inputNames;
  const ratios = [];
  const rates = { collect: [], bare: [] };
  for (let round = 0; round <= rounds; round += 1) {
    const ours = await rate(frames, () => throughCollect(collect, captures));
    const bare = await rate(frames, async () => {
      for (let frame = 0; frame < frames; frame += 1) await session.run({ [inputName]: tensor });
    });
    // The first round warms both up.
    if (round === 0) continue;
    rates.collect.push(ours);
    rates.bare.push(bare);
    ratios.push(ours / bare);
  }
  await session.close();
  await inference.stop();
  store.close();
  rmSync(folder, { recursive: true });
  return { name, collect: median(rates.collect), bare: median(rates.bare), ratio: median(ratios) };
}

/** Three under way at once, as a folder source does it. */
async function throughCollect(collect, captures) {
  const underWay = new Set();
  for (const [index, bytes] of captures.entries()) {
    while (underWay.size >= 3) await Promise.race(underWay);
    const job = collect.take({ source: 'bench', timeMs: Date.now() + index, kind: 'image', bytes }).finally(() => underWay.delete(job));
    underWay.add(job);
  }
  await Promise.all(underWay);
}

async function rate(frames, work) {
  const start = performance.now();
  await work();
  return (1000 * frames) / (performance.now() - start);
}

/** Drawn pictures at twice the model's edge, as JPEG: decoding and resizing are part of the job. */
function pictures(count, edge) {
  return Promise.all(Array.from({ length: count }, (_, seed) => rasterise(drawScene(things[seed % things.length], seed), edge * 2)));
}
