// What people write and other devices announce: model cards, configurations, tables, folder names, manifests.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { labelFiles, listClassFolders } from '../../agent/adapt/class-folders.ts';
import { readTargets } from '../../agent/adapt/targets.ts';
import { planClasses } from '../../agent/candidate/class-plan.ts';
import { labelOf } from '../../agent/capture/folder-names.ts';
import { loadCard } from '../../agent/config/card.ts';
import { loadConfig } from '../../agent/config/load.ts';
import { modelManifestSchema } from '../../agent/contract/payloads.ts';
import { createAssembly } from '../../agent/contract/weights.ts';
import { readManifest } from '../../agent/release/manifest.ts';
import { mutateText, mutateValue, oddTexts } from './mutate.mjs';

const sha256 = 'ab'.repeat(32);
const described = { artifact: 'model.onnx', delta: 'delta.safetensors', master: 'master.safetensors' };
const scores = { before: null, after: { value: 0.9, samples: 10, low: 0.6, high: 1 } };
const shared = { createdAtMs: 1, classes: ['a', 'b'], learner: 'ridge', origin: 'trained', run: 'r1', scores };
const version = '000001-abcdef01';
const announced = {
  ...{ ...shared, timeMs: 1, version, base: { name: 'm', sha256, backbone: sha256, cut: 'f' }, artifact: { bytes: 4000, sha256 } },
  delta: { bytes: 3000, sha256, chunks: 3, chunkBytes: 1024 },
};
const stored = {
  ...{ ...shared, version, base: announced.base },
  ...Object.fromEntries(Object.entries(described).map(([kind, file]) => [kind, { file, bytes: 1, sha256 }])),
};

const card = {
  name: 'm',
  input: { kind: 'image', width: 32, height: 24, channels: 'rgb', layout: 'nchw', range: [0, 1], mean: [0.5], std: [0.5], resize: 'cover' },
  labels: ['a', 'b'],
};
const cards = [
  card,
  {
    name: 's',
    input: { kind: 'sensor', channels: [{ name: 'ax' }], sampleRate: 50, samples: 100, time: { column: 't', unit: 's' } },
    labels: ['a'],
  },
  { name: 'v', input: { kind: 'vector', values: 10, mean: [0], std: [1] }, task: 'regression', targets: [{ name: 'x', unit: 'kg' }] },
  { name: 'w', input: { kind: 'audio', sampleRate: 8000, samples: 8000, level: 'peak' }, labels: ['a', 'b'] },
];

const config = `device: door
model: model.onnx
state: state
classes: replace
sources:
  - {name: inbox, kind: folder, path: inbox, rescanSeconds: 5}
  - name: camera
    kind: mjpeg
    command: [rpicam-vid, -t, 0, --width, 640, -o, "-"]
    framesPerSecond: 2
training: {minNewLabels: 5, minPerClass: 3, schedule: "0 3 * * *"}
queries: {perHour: 5, below: 0.6}
retention: {releases: 3, databaseMegabytes: 100}
mqtt:
  url: mqtts://broker.example:8883
  username: door
  commands: [label, train]
`;

/** JSON of a changed value, or changed text of the good one. */
const textOf = (dice, good) =>
  dice.chance(0.7) ? JSON.stringify(mutateValue(dice, good)) : mutateText(dice, JSON.stringify(good, null, 1));

export const doors = {
  async manifests(folder) {
    const directory = join(folder, version);
    mkdirSync(directory, { recursive: true });
    return {
      make: (dice) => [textOf(dice, announced), textOf(dice, stored)],
      async run([sent, kept]) {
        const parsed = modelManifestSchema.safeParse(parsedOr(sent));
        if (parsed.success && parsed.data.delta !== null) {
          const assembly = createAssembly(parsed.data.delta);
          for (const chunk of [0, 1, -1, 1e6]) assembly.add(chunk, new Uint8Array(parsed.data.delta.chunkBytes));
          assembly.missing();
        }
        writeFileSync(join(directory, 'manifest.json'), kept);
        await readManifest(directory, version);
      },
    };
  },
  async card(folder) {
    const path = join(folder, 'card.json');
    return {
      make: (dice) => textOf(dice, dice.pick(cards)),
      async run(text) {
        writeFileSync(path, text);
        await loadCard(path);
      },
    };
  },
  async config(folder) {
    const path = join(folder, 'whetstone.yaml');
    return {
      make: (dice) => mutateText(dice, config),
      async run(text) {
        writeFileSync(path, text);
        await loadConfig(path);
      },
    };
  },
  async targets(folder) {
    const directory = join(folder, 'targets');
    mkdirSync(directory, { recursive: true });
    for (const name of ['a.jpg', 'b.jpg', 'c.jpg']) writeFileSync(join(directory, name), name);
    const good = 'file,weight [kg],height\na.jpg,1.5,2\nb.jpg,"2",3\nc.jpg,3,4\n';
    return {
      make: (dice) => mutateText(dice, good),
      async run(text) {
        writeFileSync(join(directory, 'targets.csv'), text);
        await readTargets(directory);
      },
    };
  },
  async 'folder-names'(folder) {
    return {
      /** Names as bytes, written in Latin-1. */
      make: (dice) => Array.from({ length: 2 + dice.whole(4) }, () => nameOf(dice)),
      async run(names) {
        const root = join(folder, 'classes');
        rmSync(root, { recursive: true, force: true });
        mkdirSync(root);
        for (const name of names) {
          const path = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name, 'latin1')]);
          mkdirSync(path, { recursive: true });
          writeFileSync(Buffer.concat([path, Buffer.from('/1.jpg')]), 'x');
        }
        const labels = ['a', 'b', '-1', '1'];
        for (const name of names) labelOf(`${name}/x.jpg`, (each) => labels.includes(each));
        const folders = await listClassFolders(root, { known: labels });
        const files = folders.flatMap((each) => each.files).length;
        if (files > names.length) throw new Error(`${files} files of ${names.length}`);
        for (const mode of ['replace', 'extend']) {
          const filled = folders.filter((each) => each.files.length > 0).map((each) => each.name);
          labelFiles(folders, planClasses(mode, filled, labels, labels.length).labels);
        }
      },
    };
  },
};

function nameOf(dice) {
  const odd = Buffer.from(dice.pick(oddTexts)).toString('latin1');
  const random = String.fromCharCode(...Array.from({ length: 1 + dice.whole(6) }, () => 1 + dice.whole(255)));
  const name = dice.pick([odd, random, `${odd}${random}`, dice.pick(['a', 'b', '1', '-1', 'A_', 'gr\xfcn', '.hidden', '$RECYCLE.BIN'])]);
  const safe = name.replaceAll(/[\0/]/g, '_').slice(0, 200);
  return safe === '' || safe === '.' || safe === '..' ? 'x' : safe;
}

function parsedOr(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
