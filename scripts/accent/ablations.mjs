// What each choice is worth: statistics of the base model, weight of a person, augmentation, λ and temperature, one at a time against the usual.

import { evaluate } from '../../agent/learn/evaluate.ts';
import { closedForm } from '../../agent/learn/ridge/closed-form.ts';
import { multiply, oneHot } from '../../agent/learn/ridge/gather.ts';
import { personalWeightOf } from '../../agent/learn/ridge/keep-known.ts';
import { openPrimalRidge } from '../../agent/learn/ridge/primal-ridge.ts';
import { scaleStatistics } from '../../agent/learn/ridge/statistics.ts';
import { crossEntropy } from '../../agent/learn/temperature.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { outcomeOf, shown, table } from './outcome.mjs';
import { fitRidge, joined, usual } from './ridge-task.mjs';
import { hitsOf, logitsOf } from './speech.mjs';

const changes = [
  ['as usual', {}],
  ['no statistics of the base model', { prior: false }],
  ...[1, 3, 10, 30].map((personalWeight) => [`a row of a person weighs ${personalWeight}`, { personalWeight }]),
  ...[300, 3000].map((baseWeight) => [`the base weighs ${baseWeight} (1000)`, { baseWeight }]),
  ['no varied copies', { views: 0 }],
  ['3 varied copies (10)', { views: 3 }],
];

export async function ablations(options) {
  const speech = await options.speech();
  const counts = options.quick ? [1, 5] : [1, 5, 20];
  const known = await speech.features(speech.known.flatMap((each) => speech.test(each)));
  const results = [];
  for (const [name, change] of changes) {
    const cells = [];
    for (const count of counts) {
      const [own, base] = [[], []];
      for (let draw = 0; draw < options.draws; draw += 1) {
        const hits = [];
        for (const speaker of speech.speakers) {
          const weights = await fitRidge(speech, speech.draw(speaker, count, draw), { ...usual, ...change });
          hits.push(...(await hitsOf(speech, weights, await speech.features(speech.test(speaker)))));
          base.push(await hitsOf(speech, weights, known));
        }
        own.push(hits);
      }
      const result = { name, utterances: count, own: outcomeOf(own), base: outcomeOf(base) };
      results.push(result);
      cells.push(shown(result.own), result.base.value.toFixed(3));
    }
    options.progress(`${name}: ${cells.join('  ')}`);
    results.at(-1).cells = cells;
  }
  const columns = ['choice', ...counts.flatMap((count) => [`${count} a digit`, 'base'])];
  const rows = results.filter(({ cells }) => cells !== undefined).map(({ name, cells }) => [name, ...cells]);
  const scales = await lambdaAndTemperature(speech, options);
  const text = [
    table('What each choice is worth (all speakers never heard, float)', columns, rows),
    ...scales.map(({ text }) => text),
  ].join('\n');
  return { results: { choices: results, scales: scales.map(({ rows }) => rows) }, text };
}

/** λ by hand against the one that left-out rows chose; and how honest confidences are at several temperatures. */
async function lambdaAndTemperature(speech, { draws }) {
  const known = speech.knowledge.statistics;
  const [lambdas, temperatures] = [new Map(), new Map()];
  for (const speaker of speech.speakers) {
    const test = await speech.features(speech.test(speaker));
    for (let draw = 0; draw < draws; draw += 1) {
      const chosen = speech.draw(speaker, 5, draw);
      const train = joined([await speech.features(chosen), ...(await speech.views(chosen))]);
      const problem = {
        rows: train,
        groups: train.groups,
        labels: train.labels,
        targets: oneHot(train.labels, speech.classes),
        columns: speech.classes,
        intercept: true,
        runtime: createRuntime(),
        prior: scaleStatistics(known, usual.baseWeight / known.weight),
        personalWeight: personalWeightOf(train.count),
        seed: 1,
      };
      await using ridge = await openPrimalRidge(problem);
      for (const power of [-4, -3, -2, -1, 0, 1, 2]) {
        const { weights, bias } = await ridge.solve(10 ** power);
        const operand = { data: test.features, rows: test.count, inner: test.width };
        const scores = await multiply(operand, { data: weights, columns: speech.classes, transposed: false }, createRuntime());
        const logits = scores.map((score, at) => score + bias[at % speech.classes]);
        add(lambdas, `10^${power}`, evaluate({ logits, labels: test.labels, classes: speech.classes }).accuracy.value);
      }
      const input = {
        tail: speech.classifier.tail,
        train,
        classes: speech.classes,
        prior: problem.prior,
        personalWeight: personalWeightOf(train.count),
        seed: 1,
        runtime: createRuntime(),
      };
      const fitted = await closedForm.fit(input);
      const logits = await logitsOf(speech, fitted.weights, test);
      for (const factor of [0.25, 0.5, 1, 2, 4]) {
        const scaled = { logits: logits.map((logit) => logit * factor), labels: test.labels, classes: speech.classes };
        add(temperatures, factor, [crossEntropy(scaled), evaluate(scaled).calibrationError]);
      }
    }
  }
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const lambdaRows = [...lambdas].map(([lambda, values]) => [lambda, mean(values).toFixed(3)]);
  const temperatureRows = [...temperatures].map(([factor, values]) => [
    `× ${factor}`,
    mean(values.map(([loss]) => loss)).toFixed(3),
    mean(values.map(([, error]) => error)).toFixed(3),
  ]);
  return [
    { rows: lambdaRows, text: table('λ by hand, 5 utterances a digit', ['λ', 'accuracy'], lambdaRows) },
    {
      rows: temperatureRows,
      text: table('The scale that was fitted, times a factor', ['scale', 'log-loss', 'calibration error'], temperatureRows),
    },
  ];
}

function add(map, key, value) {
  map.set(key, [...(map.get(key) ?? []), value]);
}
