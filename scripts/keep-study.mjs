// What becomes of classes without captures when a model without statistics is adapted: accuracy before and after, on classes with captures and on
// the others, as the written int8 tails say, with 95 % intervals. `extend` first takes classes out of the model and then adds them from captures.
//
// usage: keep-study.mjs [DATA] [--models DIR] [--draws N] [--tests N] [--modes keep,extend] [--classes 1,2,5] [--captures 3,12,50]
//          [--shift none|surroundings] [--learner auto|gradient] [--only MODEL] [--oracle] [--quick] [--json]
// DATA holds fsdd/ and cifar10.tar, --models the tinycnn of other people; without them only the synthetic movements are looked at. --tests:
// photographs a class that judge. --shift: captures and tests by a bad camera, in noise. --quick: one draw, and only the two questions with targets.
// --oracle: what could be had at all: the model that was trained with the class; what is learned beside all captures of the other classes; and
// this very row of the head where the tests themselves say how readily to name it (two points lost).
import { parseArgs } from 'node:util';
import { openStudies } from './keep/captures.mjs';
import { answerOf, baseOf } from './keep/lesson.mjs';
import { lineOf, summaryOf } from './keep/report.mjs';

const text = { type: 'string' };
const flag = { type: 'boolean', default: false };
const { values: wanted, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    models: text,
    draws: { ...text, default: '3' },
    tests: { ...text, default: '100' },
    modes: text,
    classes: text,
    captures: text,
    only: text,
    shift: { ...text, default: 'none' },
    learner: { ...text, default: 'auto' },
    oracle: flag,
    quick: flag,
    json: flag,
  },
});
const numbers = (list) => list?.split(',').map(Number);
const [draws, tests] = [wanted.quick ? 1 : Number(wanted.draws), Number(wanted.tests)];
const [modes, classes, captures] = [wanted.modes?.split(','), numbers(wanted.classes), numbers(wanted.captures)];
const isRight =
  positionals.length <= 1 &&
  [draws, tests, ...(classes ?? []), ...(captures ?? [])].every((n) => Number.isInteger(n) && n > 0) &&
  (modes ?? []).every((mode) => mode === 'keep' || mode === 'extend') &&
  ['none', 'surroundings'].includes(wanted.shift) &&
  ['auto', 'closed-form', 'gradient'].includes(wanted.learner);
if (!isRight) {
  console.error(
    'usage: keep-study.mjs [DATA] [--models DIR] [--draws N] [--tests N] [--modes keep,extend] [--classes 1,2,5] [--captures 3,12,50]',
  );
  console.error('         [--shift none|surroundings] [--learner auto|gradient] [--only MODEL] [--oracle] [--quick] [--json]');
  process.exit(64);
}
const usual = [
  { mode: 'keep', classes: 2, captures: 25, quick: true },
  { mode: 'extend', classes: 1, captures: 12, quick: true },
  { mode: 'keep', classes: 1, captures: 25 },
  { mode: 'keep', classes: 2, captures: 5 },
  { mode: 'keep', classes: 5, captures: 10 },
  { mode: 'extend', classes: 1, captures: 25 },
].filter(({ quick }) => quick === true || !wanted.quick);
const isChosen = modes !== undefined || classes !== undefined || captures !== undefined;
const questions = isChosen ? everyOne(modes ?? ['keep', 'extend'], classes ?? [1], captures ?? [12]) : usual;

const results = [];
if (!wanted.json) console.log('model          what        captures   with captures: before → after            without: before → after');
for await (const study of openStudies({
  data: positionals[0],
  models: wanted.models,
  tests,
  isShifted: wanted.shift !== 'none',
  only: wanted.only,
})) {
  const base = await baseOf(study);
  for (const { mode, classes, captures } of questions) {
    const question = { mode, classes: Math.min(classes, study.labels.length - 1), captures };
    const how = { learner: wanted.learner, oracle: wanted.oracle && mode === 'extend' };
    const rows = [];
    for (let draw = 0; draw < draws; draw += 1) rows.push(...(await answerOf(study, question, draw, base, how)));
    const result = { model: study.name, ...question, draws, shift: wanted.shift, learner: wanted.learner, ...summaryOf(rows, draws) };
    results.push(result);
    if (!wanted.json) console.log(lineOf(result));
  }
}
if (wanted.json) console.log(JSON.stringify(results, null, 2));

function everyOne(modes, classes, captures) {
  return modes.flatMap((mode) => classes.flatMap((some) => captures.map((each) => ({ mode, classes: some, captures: each }))));
}
