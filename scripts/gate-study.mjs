// How the gate decides over a device's life, by simulation: how often an equal model is called better, and how soon one that is better is released.
// scripts/node scripts/gate-study.mjs [--devices 2000] [--seed 1] [--json]
import { parseArgs } from 'node:util';
import { judge } from '../agent/candidate/gate.ts';
import { lookAt, noLooks } from '../agent/candidate/looks.ts';
import { randomOf } from '../agent/random.ts';

const limits = { confidence: 0.9, forgetting: 1, latencyRatio: 9, sizeRatio: 9, minPerClass: 1 };
/** Labels between two trainings, as the daemon's default. */
const step = 10;

/** Answers of both models to one label: independent of each other, or the candidate right wherever the current model is. */
export const independent = (current, candidate) => (random) => [random() < current, random() < candidate];
const nested = (current, candidate) => (random) => {
  const draw = random();
  return [draw < current, draw < candidate];
};
/** Equal models that differ on this share of the labels. */
export const equal = (apart) => (random) => {
  const [differ, first] = [random() < apart, random() < 0.5];
  return differ ? [first, !first] : [true, true];
};

/** Look at which the candidate is accepted, from 1; null where it never is. `redraws`: every training makes another candidate. */
function firstAccepted(answer, looks, random, redraws) {
  const rows = [];
  let look = noLooks;
  for (let number = 1; number <= looks; number += 1) {
    for (let label = 0; label < step; label += 1) rows.push(answer(random));
    const other = redraws
      ? rows.map(([current], row) => [current, row < rows.length - step ? redraws(random, current) : rows[row][1]])
      : rows;
    look = lookAt(look, `${rows.length}`);
    const evidence = {
      classes: ['a', 'b'],
      groupsPerClass: [rows.length, rows.length],
      labels: rows.map((_, row) => row % 2),
      groups: rows.map((_, row) => row),
      current: other.map(([current]) => current),
      candidate: other.map(([, candidate]) => candidate),
      golden: null,
      latencyMs: null,
      sizeBytes: null,
    };
    if (judge(evidence, { ...limits, look: look.looks }).kind === 'accepted') return number;
  }
  return null;
}

/** Share of devices on which the candidate is accepted within so many looks. */
export function share(answer, looks, devices, seed, redraws = null) {
  const random = randomOf(seed);
  let accepted = 0;
  for (let device = 0; device < devices; device += 1) if (firstAccepted(answer, looks, random, redraws) !== null) accepted += 1;
  return accepted / devices;
}

/** Everything that the study prints; `devices` simulated for each number. */
export function gateStudy(devices, seed = 1) {
  const equalModels = [0.05, 0.1, 0.2, 0.3, 0.42, 0.6].map((apart) => ({ apart, called: share(equal(apart), 30, devices, seed) }));
  // Two models that are right on 70 % each by themselves, and every training makes a candidate that has nothing to do with the last one.
  const anew = share(independent(0.7, 0.7), 30, devices, seed, (random) => random() < 0.7);
  const gain = [
    { what: 'errors of its own', released: share(independent(0.7, 0.85), 10, devices, seed) },
    { what: 'right wherever the current model is', released: share(nested(0.7, 0.85), 10, devices, seed) },
  ];
  return { devices, trainings: 30, labelsATraining: step, equalModels, anew, gain };
}

function print({ devices, equalModels, anew, gain }) {
  const percent = (value) => `${(100 * value).toFixed(1)} %`;
  console.log(`Equal models, 30 trainings, ${step} new labels each: called better at least once, of ${devices} devices`);
  for (const { apart, called } of equalModels) console.log(`  differ on ${percent(apart).padStart(6)} of labels: ${percent(called)}`);
  console.log(`  another candidate at every training, both right on 70 %: ${percent(anew)}`);
  console.log('Right on 85 % instead of 70 %: released within 100 labels');
  for (const { what, released } of gain) console.log(`  ${what}: ${percent(released)}`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { devices: { type: 'string', default: '2000' }, seed: { type: 'string', default: '1' }, json: { type: 'boolean' } },
  });
  const result = gateStudy(Number(values.devices), Number(values.seed));
  if (values.json) console.log(JSON.stringify(result, null, 2));
  else print(result);
}
