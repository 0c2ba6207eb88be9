// How long it takes from a recording to a prediction, from labels to a new head, and from five utterances a digit to one, on one thread.
import { readFileSync } from 'node:fs';
import { requireCard } from '../../agent/config/card.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { preprocessCapture } from '../../agent/preprocess/capture-input.ts';
import { openSession } from '../../agent/runtime/session.ts';
import { table } from './outcome.mjs';
import { fitRidge, usual } from './ridge-task.mjs';

export async function speed(options) {
  const speech = await options.speech();
  const { card } = await requireCard(options.model);
  const [speaker] = speech.speakers;
  await using session = await openSession(encodeModel(speech.classifier.model), { label: 'the model', threads: 1 });
  const sounds = speech.test(speaker).map(({ path }) => readFileSync(path));
  const [input = ''] = session.inputNames;
  const predict = async (bytes) => {
    const { data } = await preprocessCapture(bytes, card.input);
    await session.run({ [input]: { dtype: 'float32', dims: [1, data.length], data } });
  };
  const results = { 'recording in, prediction out': await times(sounds, predict) };
  for (const count of [1, 5, 20]) {
    const chosen = speech.draw(speaker, count, 0);
    await fitRidge(speech, chosen, usual);
    for (const views of [0, usual.views]) {
      const name = `new head from ${count} a digit${views === 0 ? '' : ` and ${views} varied copies of each`}, features at hand`;
      results[name] = await times(Array(5).fill(chosen), (list) => fitRidge(speech, list, { ...usual, views }));
    }
  }
  const rows = Object.entries(results).map(([what, { median, fastest }]) => [what, median.toFixed(1), fastest.toFixed(1)]);
  return { results, text: table('Milliseconds on one thread', ['what', 'median', 'fastest'], rows) };
}

/** The first run opens and allocates, and is not counted. */
async function times(items, run) {
  await run(items[0]);
  const taken = [];
  for (const item of items) {
    const start = performance.now();
    await run(item);
    taken.push(performance.now() - start);
  }
  taken.sort((a, b) => a - b);
  return { median: taken[Math.floor(taken.length / 2)], fastest: taken[0] };
}
