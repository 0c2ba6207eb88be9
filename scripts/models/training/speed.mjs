// What one sample takes a model: encoded bytes and an input [1, …] → milliseconds on one thread.
import { openSession } from '../../../agent/runtime/session.ts';

/** The fastest of many runs: other programs can only add to it. */
export async function speedOf(content, input) {
  await using session = await openSession(content, { label: 'the model', threads: 1 });
  const times = [];
  for (let run = 0; run < 300; run += 1) {
    const start = performance.now();
    await session.run({ input });
    times.push(performance.now() - start);
  }
  return Math.min(...times);
}
