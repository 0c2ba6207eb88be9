// How long one sample takes through two models, in turns, so that a busy moment meets both; and whether it is worth asking at all.

import { randomInputs } from '../model/input.ts';
import type { Classifier } from '../model/open.ts';
import { openPart, type Part } from '../model/part.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import { findCut } from '../onnx/surgery/cut.ts';
import { splitModel } from '../onnx/surgery/split.ts';
import type { Runtime } from '../runtime/runtime.ts';

const timedRuns = 9;
const backboneRuns = 2;
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

/**
 * null where both do the same work: there the clock can only err. Fastest times in ms; other programs can only add to them. Both share the
 * backbone, which is timed once; what stands behind the cut is timed in turns.
 */
export async function compareCost(
  { backbone, input, features, cut }: Pick<Classifier, 'backbone' | 'input' | 'features' | 'cut'>,
  before: Model,
  after: Model,
  { runtime, limit }: { readonly runtime: Runtime; readonly limit: number },
): Promise<Latency | null> {
  if (isSameWork(before, after)) return null;
  const tailOf = (model: Model) => splitModel(model, findCut(model, { kind: 'tensor', tensor: cut.tensor })).tail;
  const [sample] = randomInputs(input.shape, 1) as readonly [Tensor];
  let shared = Number.POSITIVE_INFINITY;
  let value = sample;
  {
    await using part = await openPart(runtime, backbone, { label: 'the backbone' });
    // The first run allocates.
    value = (await part.session.run({ [input.name]: sample }))[features.name] as Tensor;
    for (let run = 0; run < backboneRuns; run += 1) shared = Math.min(shared, await timeOf(part, { [input.name]: sample }));
  }
  const parts = { before: tailOf(before), after: tailOf(after) };
  return await race(parts, { [features.name]: value }, { runtime, limit, shared });
}

/** Fastest times in ms of two models on one sample of this shape. */
export function compareLatency(before: Model, after: Model, shape: readonly number[], runtime: Runtime): Promise<Latency> {
  const [sample] = randomInputs(shape, 1) as readonly [Tensor];
  return race({ before, after }, sample, { runtime, limit: Number.POSITIVE_INFINITY, shared: 0 });
}

/** `feed` is what both read, or the one input of each. `shared` ms belong to both. Measures again while the second seems slower than the limit. */
async function race(
  models: { readonly before: Model; readonly after: Model },
  feed: Tensor | Readonly<Record<string, Tensor>>,
  { runtime, limit, shared }: { readonly runtime: Runtime; readonly limit: number; readonly shared: number },
): Promise<Latency> {
  await using old = await openPart(runtime, models.before, { label: 'the model' });
  await using young = await openPart(runtime, models.after, { label: 'the new model' });
  const feedOf = ({ session }: Part) => ('dtype' in feed ? { [session.inputNames[0] ?? '']: feed as Tensor } : feed);
  const fastest = { before: Number.POSITIVE_INFINITY, after: Number.POSITIVE_INFINITY };
  // The first run allocates.
  for (const part of [old, young]) await part.session.run(feedOf(part));
  for (let round = 0; round < mostRounds; round += 1) {
    for (let run = 0; run < timedRuns; run += 1) {
      fastest.before = Math.min(fastest.before, await timeOf(old, feedOf(old)));
      fastest.after = Math.min(fastest.after, await timeOf(young, feedOf(young)));
    }
    if (shared + fastest.after <= (shared + fastest.before) * limit) break;
  }
  return { before: shared + fastest.before, after: shared + fastest.after };
}

async function timeOf({ session }: Part, feeds: Readonly<Record<string, Tensor>>): Promise<number> {
  const start = performance.now();
  await session.run(feeds);
  return performance.now() - start;
}
