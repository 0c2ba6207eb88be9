// How well `whet adapt` learns from few photographs: two studies with the real command's own code, printed as tables with sample counts and
// 95 % intervals. `replace`: classes of one's own on a model that never saw them. `keep`: the same classes from a bad camera, against a
// full retrain of the layer on all photographs. The first draw of n photographs are the first n files of a class, further ones are random.
//
// usage: probe-study.mjs [--replace MODEL --replace-card FILE --data DIR] [--keep MODEL --keep-card FILE --bad-data DIR]
//                        [--counts 5,10,20,50] [--draws N] [--learner NAME] [--quick] [--json]
// DIR has train/<class>/ and test/<class>/; `bad-camera.mjs DIR BAD` makes the second from the first. --quick: 20 test photographs a class.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { adapt } from '../agent/adapt.ts';
import { proportion } from '../agent/learn/evaluate.ts';
import { createRuntime } from '../agent/runtime/runtime.ts';

const text = { type: 'string' };
const { values: wanted } = parseArgs({
  options: {
    replace: text,
    'replace-card': text,
    data: text,
    keep: text,
    'keep-card': text,
    'bad-data': text,
    counts: { type: 'string', default: '5,10,20,50' },
    draws: { type: 'string', default: '1' },
    learner: { type: 'string', default: 'auto' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const counts = wanted.counts.split(',').map(Number);
const draws = Number(wanted.draws);
const studies = [
  { mode: 'replace', model: wanted.replace, card: wanted['replace-card'], data: wanted.data, full: false },
  { mode: 'keep', model: wanted.keep, card: wanted['keep-card'], data: wanted['bad-data'], full: true },
].filter(({ model }) => model !== undefined);
if (
  studies.length === 0 ||
  studies.some(({ data }) => data === undefined) ||
  ![...counts, draws].every((n) => Number.isInteger(n) && n > 0)
) {
  console.error('usage: probe-study.mjs --replace MODEL --data DIR and/or --keep MODEL --bad-data DIR; see the top of this file');
  process.exit(64);
}
const testPerClass = wanted.quick ? 20 : Number.POSITIVE_INFINITY;
const fullPerClass = wanted.quick ? 200 : Number.POSITIVE_INFINITY;

const place = mkdtempSync(join(tmpdir(), 'whet-probe-'));
const results = [];
try {
  for (const study of studies) await run(study);
} finally {
  rmSync(place, { recursive: true, force: true });
}
if (wanted.json) console.log(JSON.stringify(results, null, 2));

async function run(study) {
  say(`\n--classes ${study.mode}, ${study.model}`);
  say('photographs a class   draw     before    after, as the written int8 file    float tail   test   learner        seconds');
  const test = choose(join(study.data, 'test'), 'test', (files) => files.slice(0, testPerClass));
  const rows = [];
  const measure = async (perClass, draw) => {
    const random = shuffler(perClass * 1009 + draw);
    const data = choose(join(study.data, 'train'), 'train', (files) => (draw === 1 ? files : random(files)).slice(0, perClass));
    const row = await score(study, data, test);
    rows.push({ mode: study.mode, perClass: row.train / row.classes, draw, ...row });
    say(line(rows.at(-1)));
  };
  for (const perClass of counts) for (let draw = 1; draw <= draws; draw += 1) await measure(perClass, draw);
  if (study.full) {
    await measure(fullPerClass, 1);
    const { after: most, before } = rows.at(-1);
    for (const row of rows.slice(0, -1)) {
      row.shareOfFullGain = (row.after.value - before) / (most.value - before);
      say(`${row.perClass} a class, draw ${row.draw}: ${(100 * row.shareOfFullGain).toFixed(0)} % of the gain of the full retrain`);
    }
  }
  results.push(...rows);
}

async function score({ mode, model, card, full }, data, test) {
  const report = await adapt({
    model,
    ...(card === undefined ? {} : { card }),
    data,
    test,
    cut: { kind: 'layers', layers: 1 },
    classes: mode,
    learner: wanted.learner,
    runtime: createRuntime(),
    seed: 1,
    force: true,
    out: join(place, `${full ? 'keep' : 'replace'}.onnx`),
  });
  const { samples, after, before, seconds } = report;
  return {
    classes: report.classes.length,
    train: samples.train,
    test: samples.test,
    before: before?.accuracy ?? null,
    after: proportion(Math.round(after.accuracy * samples.test), samples.test),
    float: after.float,
    learner: report.learner,
    seconds,
  };
}

/** A folder of links, a folder a class. */
function choose(source, name, pick) {
  const target = join(place, name);
  rmSync(target, { recursive: true, force: true });
  for (const label of readdirSync(source)) {
    mkdirSync(join(target, label), { recursive: true });
    for (const file of pick(readdirSync(join(source, label)).sort())) symlinkSync(resolve(source, label, file), join(target, label, file));
  }
  return target;
}

function line({ perClass, draw, before, after, float, test, learner, seconds }) {
  const percent = (value) => (value === null ? '–' : value.toFixed(3));
  return [
    String(perClass).padStart(19),
    String(draw).padStart(6),
    percent(before).padStart(10),
    `${percent(after.value)}  (${percent(after.low)} to ${percent(after.high)})`.padStart(34),
    percent(float).padStart(13),
    String(test).padStart(6),
    `  ${learner}`.padEnd(16),
    `${seconds.total.toFixed(1)} (training ${seconds.train.toFixed(2)})`,
  ].join(' ');
}

/** Fisher and Yates with a 32-bit generator (mulberry32). */
function shuffler(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return (files) => {
    const shuffled = [...files];
    for (let at = shuffled.length - 1; at > 0; at -= 1) {
      const other = Math.floor(uniform() * (at + 1));
      [shuffled[at], shuffled[other]] = [shuffled[other], shuffled[at]];
    }
    return shuffled;
  };
}

function say(sentence) {
  if (!wanted.json) console.log(sentence);
}
