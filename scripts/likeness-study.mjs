// Which captures count as one observation, on photographs: how many different ones are called alike, and how many copies (compressed anew, smaller,
// brighter, cut, as a fixed camera sees them again) are found. Both rules: that of files (hash and features) and that of a device (hash).
// scripts/node scripts/likeness-study.mjs DATA [--photographs 1000]      DATA holds cifar10.tar

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { apartness, meanOf } from '../agent/adapt/likeness.ts';
import { createEmbedder } from '../agent/model/embed.ts';
import { loadModel } from '../agent/model/load.ts';
import { openClassifier } from '../agent/model/open.ts';
import { inputShape, preprocessCapture } from '../agent/preprocess/capture-input.ts';
import { hammingDistance } from '../agent/preprocess/perceptual-hash.ts';
import { randomOf, shuffled } from '../agent/random.ts';
import { createRuntime } from '../agent/runtime/runtime.ts';
import { cosine } from '../agent/store/moments.ts';

const jpeg = (picture) => picture.jpeg({ quality: 92 }).toBuffer();
const cut = async (bytes, share) => {
  const { width, height } = await sharp(bytes).metadata();
  const edge = Math.max(1, Math.round(width * share));
  return jpeg(
    sharp(bytes)
      .extract({ left: edge, top: edge, width: width - 2 * edge, height: height - 2 * edge })
      .resize(width, height),
  );
};
const shifted = async (bytes, share) => {
  const { width, height } = await sharp(bytes).metadata();
  const by = Math.max(1, Math.round(width * share));
  return jpeg(sharp(await sharp(bytes).extend({ left: by, extendWith: 'copy' }).toBuffer()).extract({ left: 0, top: 0, width, height }));
};
const noisy = async (bytes, seed) => {
  const random = randomOf(seed);
  const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  for (let at = 0; at < data.length; at += 1) data[at] = Math.max(0, Math.min(255, data[at] + 12 * (random() + random() + random() - 1.5)));
  return jpeg(sharp(data, { raw: info }));
};
const half = async (bytes) => {
  const { width } = await sharp(bytes).metadata();
  return jpeg(sharp(bytes).resize(Math.round(width / 2)));
};
/** Something new in the scene: another photograph, small. */
const withThing = (share) => async (bytes, _, other) => {
  const { width } = await sharp(bytes).metadata();
  const thing = await sharp(other)
    .resize(Math.round(width * share))
    .toBuffer();
  const at = Math.round(width * 0.4);
  return jpeg(sharp(bytes).composite([{ input: thing, left: at, top: at }]));
};
export const copies = {
  'saved again, quality 90': (bytes) => sharp(bytes).jpeg({ quality: 90 }).toBuffer(),
  'saved again, quality 60': (bytes) => sharp(bytes).jpeg({ quality: 60 }).toBuffer(),
  'saved as WebP': (bytes) => sharp(bytes).webp({ quality: 80 }).toBuffer(),
  'half the size': half,
  'camera noise': noisy,
  'brighter by 10 %': (bytes) => jpeg(sharp(bytes).modulate({ brightness: 1.1 })),
  'brighter by 30 %': (bytes) => jpeg(sharp(bytes).modulate({ brightness: 1.3 })),
  'edges of 3 % cut off': (bytes) => cut(bytes, 0.03),
  'edges of 6 % cut off': (bytes) => cut(bytes, 0.06),
  'moved by 3 %': (bytes) => shifted(bytes, 0.03),
  'something new, 1/6 as wide': withThing(1 / 6),
  'something new, 1/4 as wide': withThing(1 / 4),
};

/** [hash distance, distance of the features, their cosine] of every pair that is at most `near` bits apart, and of every copy. */
export async function measure(photographs, near) {
  const path = 'models/objects/model.onnx';
  const card = JSON.parse(readFileSync('models/objects/model.json', 'utf8'));
  const classifier = await openClassifier(loadModel(path).model, {
    cut: { kind: 'layers', layers: 1 },
    runtime: createRuntime(),
    inputShape: inputShape(card.input),
  });
  await using embedder = await createEmbedder(classifier, createRuntime());
  const { width } = classifier.features;
  const see = async (bytes) => {
    const { data, hash } = await preprocessCapture(bytes, card.input);
    return { hash, features: Float32Array.from(await embedder.embed(data)) };
  };
  const seen = [];
  for (const bytes of photographs) seen.push(await see(bytes));
  const features = new Float32Array(seen.length * width);
  for (const [row, one] of seen.entries()) features.set(one.features, row * width);
  const mean = meanOf({ features, hashes: seen.map(({ hash }) => hash), width });
  const pair = (a, b) => [hammingDistance(a.hash, b.hash), apartness(a.features, b.features, mean), cosine(a.features, b.features)];
  const others = [];
  for (let a = 0; a < seen.length; a += 1)
    for (let b = a + 1; b < seen.length; b += 1)
      if (hammingDistance(seen[a].hash, seen[b].hash) <= near) others.push(pair(seen[a], seen[b]));
  const same = {};
  for (const [what, make] of Object.entries(copies)) {
    same[what] = [];
    for (const [at, bytes] of photographs.entries())
      same[what].push(pair(seen[at], await see(await make(bytes, at, photographs[(at + 1) % photographs.length]))));
  }
  return { pairs: (seen.length * (seen.length - 1)) / 2, others, same };
}

/** `part`: test or train. Throws where there are fewer. */
export function photographsOf(data, count, part = 'test') {
  const place = mkdtempSync(join(tmpdir(), 'whet-likeness-'));
  try {
    if (spawnSync('tar', ['-xf', join(data, 'cifar10.tar'), '-C', place, `${part}/`]).status !== 0)
      throw new Error('tar cannot read cifar10.tar');
    const files = readdirSync(join(place, part)).flatMap((name) =>
      readdirSync(join(place, part, name)).map((file) => join(place, part, name, file)),
    );
    if (files.length < count) throw new Error(`${count} photographs are wanted, and there are ${files.length}`);
    return shuffled(files, randomOf(1))
      .slice(0, count)
      .map((file) => readFileSync(file));
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({ options: { photographs: { type: 'string', default: '1000' } }, allowPositionals: true });
  const photographs = photographsOf(positionals[0], Number(values.photographs));
  const { pairs, others, same } = await measure(photographs, 16);
  const rules = [
    ...[0, 2, 4, 6, 8].map((bits) => [`hash ≤ ${bits}`, ([hash]) => hash <= bits]),
    ...[4, 8].flatMap((bits) =>
      [0.02, 0.05, 0.1, 0.2].map((far) => [`hash ≤ ${bits}, apart ≤ ${far}`, ([hash, apart]) => hash <= bits && apart <= far]),
    ),
    ...[4, 8].flatMap((bits) =>
      [0.999, 0.997, 0.99].map((near) => [`hash ≤ ${bits}, cosine ≥ ${near}`, ([hash, , angle]) => hash <= bits && angle >= near]),
    ),
  ];
  const share = (list, rule) => `${((100 * list.filter(rule).length) / list.length).toFixed(0)} %`;
  console.log(`${photographs.length} photographs, ${pairs} pairs of different ones`);
  const rows = [['rule', 'different ones called alike', ...Object.keys(same)]];
  for (const [name, rule] of rules)
    rows.push([name, String(others.filter(rule).length), ...Object.values(same).map((list) => share(list, rule))]);
  for (const row of rows) console.log(`| ${row.join(' | ')} |`);
}
