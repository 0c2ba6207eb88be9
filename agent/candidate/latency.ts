// How long one sample takes through two models, in turns, so that a busy moment meets both; and whether it is worth asking at all.
import { randomInputs } from '../model/input.ts';
import { openPart } from '../model/part.ts';
import type { Model, Tensor } from '../onnx/ir.ts';

const timedRuns = 9;
/** A ratio that is over the limit is measured again this often: what else the board did at the time must not decide. */
const mostRounds = 4;

export interface Latency {
  readonly before: number;
  readonly after: number;
}

/** The same operators on tensors of the same types and shapes: the same work, whatever the numbers are. */
export function isSameWork(a: Model, b: Model): boolean {
  return workOf(a) === workOf(b);
}

function workOf({ graph }: Model): string {
  const nodes = graph.nodes.map(({ domain, op, inputs }) => {
    const constants = inputs
      .map((name) => graph.initializers.get(name))
      .map((tensor) => (tensor === undefined ? '' : `${tensor.dtype}${tensor.dims}`));
    return `${domain}.${op}(${constants.join(';')})`;
  });
  return nodes.join('\n');
}

/** null where both do the same work: there the clock can only err. Fastest times in ms; other programs can only add to them. */
export async function compareCost(
  before: Model,
  after: Model,
  shape: readonly number[],
  options: { readonly threads: number; readonly limit: number },
) {
  return isSameWork(before, after) ? null : compareLatency(before, after, shape, options.threads, options.limit);
}

/** Measures again while the second one seems slower than `limit` times the first. */
export async function compareLatency(
  before: Model,
  after: Model,
  shape: readonly number[],
  threads: number,
  limit = Number.POSITIVE_INFINITY,
): Promise<Latency> {
  const [sample] = randomInputs(shape, 1) as readonly [Tensor];
  await using old = await openPart(before, { label: 'the model', threads });
  await using young = await openPart(after, { label: 'the new model', threads });
  const fastest = { before: Number.POSITIVE_INFINITY, after: Number.POSITIVE_INFINITY };
  const time = async (name: keyof typeof fastest, { session }: typeof old) => {
    const start = performance.now();
    await session.run({ [session.inputNames[0] ?? '']: sample });
    fastest[name] = Math.min(fastest[name], performance.now() - start);
  };
  // The first run allocates.
  for (const part of [old, young]) await part.session.run({ [part.session.inputNames[0] ?? '']: sample });
  for (let round = 0; round < mostRounds; round += 1) {
    for (let run = 0; run < timedRuns; run += 1) {
      await time('before', old);
      await time('after', young);
    }
    if (fastest.after <= fastest.before * limit) break;
  }
  return fastest;
}
