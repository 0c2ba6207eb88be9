// One question of the study, one draw: which classes and captures, what is learned from them, what the written file says; and for an oracle,
// what could be had at all.

import { hitsOfTail } from '../../agent/adapt/judge-candidate.ts';
import { learnTail } from '../../agent/candidate/learn.ts';
import { joinRows } from '../../agent/candidate/varied-copies.ts';
import { gradientBy } from '../../agent/learn/engines.ts';
import { headRows, readHead } from '../../agent/learn/head-rows.ts';
import { takeRows } from '../../agent/learn/splits.ts';
import { writeBack } from '../../agent/model/write-back.ts';
import { withClasses } from '../../agent/onnx/surgery/classes.ts';
import { withWeights } from '../../agent/onnx/weights.ts';
import { randomOf, shuffled } from '../../agent/random.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';

const runtime = createRuntime();
const writing = { runtime, fixedScales: false, isAware: false };
/** What may be lost on the other classes. */
const allowed = 0.02;

/** What the model itself says of every test. */
export const baseOf = ({ classifier, test }) => hitsOfTail(classifier.model, classifier, test, runtime);

/** A row for every test: { isTaught, before, after } and, for an oracle, { itself, beside, placed }. */
export async function answerOf({ classifier, labels, train, test }, { mode, classes, captures }, draw, base, { learner, oracle }) {
  const next = randomOf(1000 + draw);
  const taught = shuffled([...labels.keys()], next).slice(0, classes);
  const rowsOf = (label) => [...train.labels.keys()].filter((row) => train.labels[row] === label);
  const own = takeRows(
    train,
    taught.flatMap((label) => shuffled(rowsOf(label), next).slice(0, captures)),
  );
  const mapping = [...labels.keys()].map((label) => (mode === 'extend' && taught.includes(label) ? null : label));
  const tail = mode === 'extend' ? withClasses(classifier.tail, mapping) : classifier.tail;
  const learn = (rows) =>
    learnTail({
      choice: learner,
      gradient: gradientBy('onnx'),
      prior: null,
      tail,
      train: rows,
      classes: labels.length,
      seed: 1,
      runtime,
    });
  const hitsAfter = async (weights, rows) =>
    hitsOfTail(
      await writeBack(classifier.model, tail, weights, { ...rows, shape: classifier.features.shape }, writing),
      classifier,
      test,
      runtime,
    );
  const { fitted } = await learn(own);
  const after = await hitsAfter(fitted.weights, own);
  const before = mode === 'extend' ? await withoutClasses(classifier, test, taught, own) : base;
  const more = {};
  if (oracle) {
    const others = [...labels.keys()].filter((label) => !taught.includes(label)).flatMap(rowsOf);
    const all = joinRows([own, takeRows(train, others)]);
    more.itself = base;
    more.beside = await hitsAfter((await learn({ ...all, groups: Int32Array.from(all.labels.keys()) })).fitted.weights, all);
    more.placed = await placed(withWeights(tail, fitted.weights), test, taught);
  }
  return [...test.labels].map((label, row) => ({
    isTaught: taught.includes(label),
    before: before[row],
    after: after[row],
    ...Object.fromEntries(Object.entries(more).map(([key, hits]) => [key, hits[row]])),
  }));
}

/** What the model says that never had these classes. */
async function withoutClasses(classifier, test, missing, samples) {
  const left = Array.from({ length: classifier.classes }, (_, label) => label).filter((label) => !missing.includes(label));
  const tail = withClasses(classifier.tail, left);
  const written = await writeBack(classifier.model, tail, new Map(), { ...samples, shape: classifier.features.shape }, writing);
  return hitsOfTail(written, classifier, { ...test, labels: [...test.labels].map((label) => left.indexOf(label)) }, runtime);
}

/** Hits of the float tail whose new classes are named exactly so readily that the tests of the others lose what is allowed. */
async function placed(tail, test, taught) {
  const { weights, bias } = readHead(tail);
  const { features, width, count } = await headRows(tail, test, runtime);
  const classes = bias.length;
  const answers = Array.from({ length: count }, (_, row) => {
    const logits = Float64Array.from(bias);
    for (let at = 0; at < width; at += 1)
      for (let label = 0; label < classes; label += 1) logits[label] += features[row * width + at] * weights[at * classes + label];
    const best = (isNew) =>
      [...logits.keys()].filter((label) => taught.includes(label) === isNew).reduce((a, b) => (logits[b] > logits[a] ? b : a));
    const [known, fresh] = [best(false), best(true)];
    return { known, fresh, lead: logits[fresh] - logits[known] };
  });
  const others = answers.filter((_, row) => !taught.includes(test.labels[row]));
  const right = answers.filter(({ known }, row) => known === test.labels[row]).sort((a, b) => b.lead - a.lead);
  const threshold = right[Math.floor(allowed * others.length)]?.lead ?? Number.NEGATIVE_INFINITY;
  return answers.map(({ known, fresh, lead }, row) => test.labels[row] === (lead > threshold ? fresh : known));
}
