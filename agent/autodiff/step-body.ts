// One step of training as the body of a Loop: takes a batch, runs forward pass, loss and backward pass, and updates what is trained. Reads
// samples, targets and rates of the enclosing graph by name; what changes from step to step is carried.
import { graph, value } from '../onnx/build.ts';
import type { DType, Graph } from '../onnx/ir.ts';
import { Draft } from './draft.ts';
import { anchorLoss, type LossTerm, lossOfBatch } from './loss.ts';
import { stateSlots, update } from './optimizers.ts';
import { type Group, pack, unpack } from './packing.ts';
import { clipped, mixed } from './regularization.ts';
import type { StepOptions } from './step.ts';
import type { Statistic, Trainable, TrainableTail } from './trainable.ts';
import { backward } from './walk.ts';

/** Stands for the number of samples or steps, which the compiled graph leaves open and no rule asks for. */
export const unbound = -1;

export interface Step {
  readonly tail: TrainableTail;
  readonly trainable: Trainable;
  readonly groups: readonly Group[];
  readonly options: StepOptions;
  readonly terms: readonly LossTerm[];
  /** Vectors [steps] of the enclosing graph. */
  readonly scalars: Readonly<Record<string, string>>;
  /** One value a group, a number or one an element; null: all 1. */
  readonly factors: readonly string[] | null;
}

/** One step: gather the batch, forward, loss, backward, update. */
export function loopBody({ tail, trainable, groups, options, terms, scalars, factors }: Step): Graph {
  const { loss, optimizer } = options;
  const c = new Draft({ prefix: 'step/' });
  const slots = stateSlots(optimizer);
  c.declare('step', [], 'int64');
  c.declare('going', [], 'bool');
  const { x, batchTerms } = batchOf(c, trainable, options, terms);

  const current = groups.map((group) => c.declare(`step/${group.name}`, group.dims));
  const parameters = new Map(groups.flatMap((group, index) => [...unpack(c, group, current[index] as string)]));
  const forward = writeForward(c, tail, trainable, x, parameters);
  const { loss: dataLoss, dlogits } = lossOfBatch(c, forward.logits, batchTerms, loss.kind);

  const anchors = [...parameters].map(([name, w]) => {
    return loss.anchor === 0 ? null : { w, ...anchorLoss(c, w, c.declare(`base/${name}`, c.shape(w)), loss.anchor) };
  });
  const seeds = new Map([[forward.logits, dlogits]]);
  for (const anchor of anchors) if (anchor !== null) seeds.set(anchor.w, anchor.dw);
  const gradients = backward(c, forward.nodes, seeds, [...parameters.values()]);
  const total = anchors.reduce((sum, anchor) => (anchor === null ? sum : c.plus(sum, anchor.loss)), dataLoss);

  const now = Object.fromEntries(
    Object.entries(scalars).map(([name, vector]) => [name, c.emit('Gather', [c.declare(vector, [unbound]), 'step'])]),
  );
  const packed = groups.map((group) =>
    pack(c, group, (name) => {
      const own = parameters.get(name) as string;
      return gradients.get(own) ?? c.emit('Expand', [0, c.ints(c.shape(own))]);
    }),
  );
  const dws = options.clip === true ? clipped(c, packed, c.declare('clip', [])) : packed;
  const next = groups.map((group, index) => {
    const w = current[index] as string;
    const state = slots.map((slot) => c.declare(`step/${group.name}/${slot}`, group.dims));
    const factor = factors === null ? null : c.declare(factors[index] as string, group.members.length === 1 ? [] : group.dims);
    const own = decayed(c, group, factor === null ? now : slowed(c, now, factor));
    return { old: state, ...update(c, optimizer, w, dws[index] as string, state, own) };
  });

  const shapeOf = (name: string) => value(name, c.shape(name));
  const going = c.emit('Identity', ['going']);
  const statistics = forward.statistics.map(({ dims, ...names }) => ({ ...names, info: (name: string) => value(name, dims) }));
  const carriedIn = [...current, ...next.flatMap(({ old }) => old)].map(shapeOf);
  const carriedOut = [...next.map(({ w }) => w), ...next.flatMap(({ state }) => state)].map(shapeOf);
  const outputs = [value(going, [], 'bool'), ...carriedOut, ...statistics.map(({ next: name, info }) => info(name)), value(total, [])];
  return graph('step', {
    inputs: [value('step', [], 'int64'), value('going', [], 'bool'), ...carriedIn, ...statistics.map(({ name, info }) => info(name))],
    outputs,
    ...c.finish(outputs.map((output) => output.name)),
  });
}

/** Features and targets of the rows whose turn it is, mixed where that is wanted. */
function batchOf(c: Draft, { sample }: Trainable, { batch, loss, mixup }: StepOptions, terms: readonly LossTerm[]) {
  const rowOf = (name: string, shape: readonly number[], at: string) => c.emit('Gather', [c.declare(name, [unbound, ...shape]), at]);
  const ofStep = (name: string, dtype: DType) => c.emit('Gather', [c.declare(name, [unbound, batch], dtype), 'step']);
  const rows = ofStep('order', 'int64');
  const pair = mixup === true ? { rows: ofStep('partners', 'int64'), share: ofStep('mix', 'float32') } : null;
  const taken = (name: string, shape: readonly number[]) => {
    const own = rowOf(name, shape, rows);
    return pair === null ? own : mixed(c, own, rowOf(name, shape, pair.rows), pair.share);
  };
  return {
    x: taken('features', sample),
    batchTerms: terms.map(({ targets, weights, temperature }) => ({
      targets: taken(targets, [loss.classes]),
      weights: taken(weights, [1]),
      temperature,
    })),
  };
}

/** Writes the tail's nodes into the draft under names of their own. Parameters take the names that hold them in this step. */
function writeForward(c: Draft, tail: TrainableTail, trainable: Trainable, x: string, parameters: ReadonlyMap<string, string>) {
  const held = new Map(parameters);
  for (const { name, dims } of trainable.statistics) held.set(name, c.declare(`step/${name}`, dims));
  for (const [name, { dims, dtype }] of trainable.fixed) held.set(name, c.declare(`in/${name}`, dims, dtype));
  const own = (name: string) => (name === '' ? '' : name === tail.input ? x : (held.get(name) ?? `tail/${name}`));
  for (const [name, tensor] of trainable.constants) c.constant(own(name), tensor);
  const before = c.nodes.length;
  for (const each of trainable.nodes) c.add({ ...each, inputs: each.inputs.map(own), outputs: each.outputs.map(own) });
  const statistics = trainable.statistics.map(({ name, next, dims }): Statistic => ({ name: own(name), next: own(next), dims }));
  return { nodes: c.nodes.slice(before), logits: own(tail.logits), statistics };
}

/** The rate times a factor; what decay keeps follows: 1 − factor·rate·λ. */
function slowed(c: Draft, now: Readonly<Record<string, string>>, factor: string): Readonly<Record<string, string>> {
  const rate = c.mul(now.rate as string, factor);
  return now.keep === undefined ? { ...now, rate } : { ...now, rate, keep: c.sub(1, c.mul(c.sub(1, now.keep), factor)) };
}

/** Weights decay, biases and normalizations do not. */
function decayed(c: Draft, group: Group, now: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { keep, ...rest } = now;
  if (keep === undefined || group.decay === 'all') return now;
  if (group.decay === 'none') return rest;
  // keep where the mask is 1, and 1 where it is 0.
  const mask = c.constant(`step/${group.name}/decays`, { dtype: 'float32', dims: group.dims, data: group.mask });
  return { ...rest, keep: c.plus(c.mul(mask, c.sub(keep, 1)), 1) };
}
