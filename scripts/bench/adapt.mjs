// The one-shot job beside one pass of the bare backbone over as many captures: everything that `whet adapt` does (reading, decoding, learning,
// judging, writing) against nothing but `session.run` on a tensor that is ready. One thread; half of the bare pass before the job and half after it.
// `--data FOLDER` takes photographs in a folder a class; drawn ones otherwise.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { adapt } from '../../dist/adapt.js';
import { drawScene, things } from '../../dist/demo/scenes.js';
import { loadModel } from '../../dist/model/load.js';
import { openClassifier } from '../../dist/model/open.js';
import { rasterise } from '../../dist/preprocess/picture.js';
import { createRuntime } from '../../dist/runtime/runtime.js';
import { openSession } from '../../dist/runtime/session.js';
import { imagenet } from './imagenet.mjs';
import { formatTable, median } from './table.mjs';

const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const target = 1.05;
const captures = 1000;
const classes = 10;

export async function run({ rounds, data, say }) {
  const shipped = at('models/objects/model.onnx');
  const jobs = [
    { name: 'MobileNetV2 int8', model: at('../shared/models/mobilenetv2-int8-dynamic.onnx'), input: imagenet, classes: 1000 },
    {
      name: 'objects (shipped)',
      model: shipped,
      input: JSON.parse(readFileSync(at('models/objects/model.json'), 'utf8')).input,
      classes: 10,
    },
  ];
  // A pass of the small one is over before the pictures are decoded, which says little about this target: it stands in where the other is missing.
  const wanted = existsSync(jobs[0].model) ? jobs.slice(0, 1) : jobs.slice(1);
  const place = mkdtempSync(join(tmpdir(), 'whet-bench-'));
  try {
    const folder = join(place, 'captures');
    const count = data === undefined ? await draw(folder) : choose(resolve(data), folder);
    say(
      `adapt: ${count} photographs, a last layer for ${readdirSync(folder).length} classes of their own, beside one pass of the bare backbone; one thread`,
    );
    const results = [];
    for (const job of wanted) results.push(await compare(job, folder, count, place, rounds));
    const row = ({ name, seconds, bare, ratio, processor }) => [
      name,
      ...[bare, seconds.total, seconds.features, seconds.train, seconds.export].map((value) => value.toFixed(2)),
      ratio.toFixed(3),
      `≤ ${target}`,
      processor.toFixed(3),
    ];
    say(formatTable(['model', 'bare s', 'adapt s', 'features', 'train', 'export', 'ratio', 'target', 'processor'], results.map(row)));
    return results;
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** Medians over the rounds. `processor` is the ratio of processor time, which decodes on other threads too. */
async function compare({ name, model, input, classes: known }, folder, count, place, rounds) {
  const base = join(place, 'base.onnx');
  rmSync(base, { force: true });
  symlinkSync(model, base);
  const labels = Array.from({ length: known }, (_, label) => `class ${label}`);
  writeFileSync(join(place, 'base.json'), JSON.stringify({ name, input, labels }));
  const shape = [1, 3, input.height, input.width];
  const cut = { kind: 'layers', layers: 1 };
  const { backbone } = await openClassifier(loadModel(base).model, { cut, runtime: createRuntime(), inputShape: shape });
  await using session = await openSession(backbone, { label: name, threads: 1 });
  const feeds = {
    [session.inputNames[0]]: { dtype: 'float32', dims: shape, data: new Float32Array(3 * input.height * input.width).fill(0.1) },
  };
  const pass = async (runs) => {
    for (let run = 0; run < runs; run += 1) await session.run(feeds);
  };
  await pass(5);
  const measured = [];
  for (let round = 0; round < rounds; round += 1) {
    const half = Math.ceil(count / 2);
    const before = await timed(() => pass(half));
    let report;
    const job = await timed(async () => {
      report = await adapt({
        model: base,
        data: folder,
        out: join(place, 'out.onnx'),
        cut,
        classes: 'replace',
        learner: 'auto',
        runtime: createRuntime(),
        seed: 1,
        force: true,
      });
    });
    const after = await timed(() => pass(count - half));
    const bare = before.seconds + after.seconds;
    const processor = job.processor / (before.processor + after.processor);
    measured.push({ seconds: report.seconds, bare, ratio: job.seconds / bare, processor });
  }
  const of = (pick) => median(measured.map(pick));
  const seconds = Object.fromEntries(['total', 'features', 'train', 'export'].map((stage) => [stage, of((each) => each.seconds[stage])]));
  return {
    name,
    captures: count,
    seconds,
    bare: of((each) => each.bare),
    ratio: of((each) => each.ratio),
    target,
    processor: of((each) => each.processor),
  };
}

async function timed(work) {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: (performance.now() - start) / 1e3, processor: (user + system) / 1e6 };
}

/** As many of a person's photographs, evenly by class. */
function choose(data, folder) {
  const names = readdirSync(data, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  let count = 0;
  for (const { name } of names) {
    mkdirSync(join(folder, name), { recursive: true });
    for (const file of readdirSync(join(data, name))
      .sort()
      .slice(0, Math.ceil(captures / names.length))) {
      symlinkSync(join(data, name, file), join(folder, name, file));
      count += 1;
    }
  }
  return count;
}

async function draw(folder) {
  const kinds = things.slice(0, classes);
  for (const [label, thing] of kinds.entries()) {
    mkdirSync(join(folder, `kind ${label}`), { recursive: true });
    const each = Math.ceil(captures / kinds.length);
    for (let index = 0; index < each; index += 1)
      writeFileSync(join(folder, `kind ${label}`, `${index}.jpg`), await rasterise(drawScene(thing, label * each + index), 320));
  }
  return kinds.length * Math.ceil(captures / kinds.length);
}
