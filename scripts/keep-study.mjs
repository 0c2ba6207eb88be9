// What becomes of classes without captures when a model without statistics is adapted: accuracy before and after, on classes with captures and on
// the others, as the written int8 tails say, with 95 % intervals. `extend` first takes a class out of the model and then adds it from captures.
//
// usage: keep-study.mjs [DATA] [--models DIR] [--draws N] [--tests N] [--quick] [--json]
// DATA holds fsdd/ and cifar10.tar, --models the tinycnn of other people; without them only the synthetic movements are looked at. --tests:
// photographs a class that judge. --quick: one draw, and only the two questions with targets.
import { parseArgs } from 'node:util';
import { hitsOfTail } from '../agent/adapt/judge-candidate.ts';
import { learnTail } from '../agent/candidate/learn.ts';
import { gradientBy } from '../agent/learn/engines.ts';
import { proportion } from '../agent/learn/evaluate.ts';
import { takeRows } from '../agent/learn/splits.ts';
import { writeBack } from '../agent/model/write-back.ts';
import { withClasses } from '../agent/onnx/surgery/classes.ts';
import { randomOf, shuffled } from '../agent/random.ts';
import { openStudies } from './keep/captures.mjs';

const text = { type: 'string' };
const { values: wanted, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    models: text,
    draws: { ...text, default: '3' },
    tests: { ...text, default: '100' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const [draws, tests] = [wanted.quick ? 1 : Number(wanted.draws), Number(wanted.tests)];
if (positionals.length > 1 || ![draws, tests].every((n) => Number.isInteger(n) && n > 0)) {
  console.error('usage: keep-study.mjs [DATA] [--models DIR] [--draws N] [--tests N] [--quick] [--json]');
  process.exit(64);
}
const threads = 1;
const writing = { threads, fixedScales: false, isAware: false };
const questions = [
  { mode: 'keep', classes: 2, captures: 25, quick: true },
  { mode: 'extend', classes: 1, captures: 12, quick: true },
  { mode: 'keep', classes: 1, captures: 25 },
  { mode: 'keep', classes: 2, captures: 5 },
  { mode: 'keep', classes: 5, captures: 10 },
  { mode: 'extend', classes: 1, captures: 25 },
].filter(({ quick }) => quick === true || !wanted.quick);

const results = [];
if (!wanted.json) console.log('model          what        captures   with captures: before → after            without: before → after');
for await (const study of openStudies({ data: positionals[0], models: wanted.models, tests })) {
  const base = await hitsOfTail(study.classifier.model, study.classifier, study.test, threads);
  for (const question of questions) {
    const rows = [];
    for (let draw = 0; draw < draws; draw += 1) rows.push(...(await answer(study, question, draw, base)));
    const of = (isTaught, key) => {
      const some = rows.filter((row) => row.isTaught === isTaught);
      const count = some.length / draws;
      return proportion(Math.round(some.filter((row) => row[key]).length / draws), Math.round(count));
    };
    const result = {
      model: study.name,
      ...question,
      draws,
      taught: { before: of(true, 'before'), after: of(true, 'after') },
      others: { before: of(false, 'before'), after: of(false, 'after') },
    };
    delete result.quick;
    results.push(result);
    if (!wanted.json) console.log(lineOf(result));
  }
}
if (wanted.json) console.log(JSON.stringify(results, null, 2));

async function answer({ classifier, labels, train, test }, { mode, classes, captures }, draw, base) {
  const next = randomOf(1000 + draw);
  const taught = shuffled([...labels.keys()], next).slice(0, classes);
  const chosen = taught.flatMap((label) =>
    shuffled(
      [...train.labels.keys()].filter((row) => train.labels[row] === label),
      next,
    ).slice(0, captures),
  );
  const mapping = [...labels.keys()].map((label) => (mode === 'extend' && taught.includes(label) ? null : label));
  const tail = mode === 'extend' ? withClasses(classifier.tail, mapping) : classifier.tail;
  const own = takeRows(train, chosen);
  const { fitted } = await learnTail({
    choice: 'auto',
    gradient: gradientBy('onnx'),
    prior: null,
    tail,
    train: own,
    classes: labels.length,
    seed: 1,
    threads,
  });
  const written = await writeBack(classifier.model, tail, fitted.weights, { ...own, shape: classifier.features.shape }, writing);
  const after = await hitsOfTail(written, classifier, test, threads);
  const before = mode === 'extend' ? await withoutClasses(classifier, test, taught, own) : base;
  return [...test.labels].map((label, row) => ({ isTaught: taught.includes(label), before: before[row], after: after[row] }));
}

/** What the model says that never had these classes. */
async function withoutClasses(classifier, test, missing, samples) {
  const left = Array.from({ length: classifier.classes }, (_, label) => label).filter((label) => !missing.includes(label));
  const tail = withClasses(classifier.tail, left);
  const written = await writeBack(classifier.model, tail, new Map(), { ...samples, shape: classifier.features.shape }, writing);
  return hitsOfTail(written, classifier, { ...test, labels: [...test.labels].map((label) => left.indexOf(label)) }, threads);
}

function lineOf({ model, mode, classes, captures, taught, others }) {
  const share = ({ value, low, high, samples }) =>
    `${(100 * value).toFixed(1)} % (${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)}, n=${samples})`;
  const pair = ({ before, after }) => `${(100 * before.value).toFixed(1)} → ${share(after)}`;
  return `${model.padEnd(14)} ${`${mode} ${classes}`.padEnd(11)} ${String(captures).padEnd(10)} ${pair(taught).padEnd(40)} ${pair(others)}`;
}
