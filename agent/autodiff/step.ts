// Compiles one epoch of training into one plain ONNX graph: a Loop over minibatches that holds forward pass, loss, backward pass and update.
// In come features, labels, weights, the order of samples, rates, parameters and optimizer state; out come parameters, state and loss.
import { WhetError } from '../errors.ts';
import { graph, ints, model, node, value } from '../onnx/build.ts';
import type { Graph, Model, ValueInfo } from '../onnx/ir.ts';
import { Draft } from './draft.ts';
import { anchorLoss, type LossOptions, type LossTerm, lossOfBatch, lossTerms } from './loss.ts';
import { type OptimizerOptions, stateSlots, stepScalars, update } from './optimizers.ts';
import { type Group, grouped, pack, unpack } from './packing.ts';
import { type Trainable, type TrainableTail, trainableOf } from './trainable.ts';
import { backward } from './walk.ts';

export interface StepOptions {
  readonly batch: number;
  readonly loss: LossOptions;
  readonly optimizer: OptimizerOptions;
}

/**
 * The compiled epoch. Its inputs, n samples, s steps:
 *   features [n, …sample], labels int64 [n], weights [n]
 *   order int64 [s, batch]: which samples each step takes;  rates [s]: learning rate of each step;  done []: steps taken in earlier epochs
 *   with distillation: teacher [n, classes] base logits, share [n] in [0, 1]
 *   per parameter: `in/<name>`, with L2-SP also `base/<name>`;  per entry of `state`: its `input`, zeros before the first epoch
 * Its outputs: `out/<name>` per parameter, `output` per entry of `state`, and losses [s], one a step.
 */
export interface TrainingStep {
  readonly model: Model;
  readonly parameters: readonly {
    readonly name: string;
    readonly input: string;
    readonly output: string;
    readonly dims: readonly number[];
  }[];
  readonly state: readonly { readonly input: string; readonly output: string; readonly dims: readonly number[] }[];
}

/** Throws `operator-unsupported` or `model-unsupported`, naming the node that cannot be trained. */
export function compileStep(tail: TrainableTail, options: StepOptions): TrainingStep {
  const trainable = trainableOf(tail);
  if (trainable.parameters.length === 0) {
    throw new WhetError('model-unsupported', 'the part of the model to be trained has no weights', {
      hint: 'Choose more layers (--layers).',
    });
  }
  const groups = grouped(trainable.parameters);
  const slots = stateSlots(options.optimizer);
  const state = groups.flatMap((group) =>
    slots.map((slot) => ({ input: `in/${group.name}/${slot}`, output: `out/${group.name}/${slot}`, dims: group.dims })),
  );

  const c = new Draft({ prefix: 'epoch/' });
  const terms = prelude(c, options);
  const count = c.emit('Squeeze', [c.emit('Shape', ['rates'])]);
  const index = c.emit('Range', [c.constant('zero', ints([0], [])), count, c.constant('one', ints([1], []))]);
  const t = c.plus(c.plus(c.emit('Cast', [index], { to: 1 }), 1), 'done');
  const scalars = stepScalars(c, options.optimizer, 'rates', t);
  const packed = groups.map((group) => pack(c, group, (name) => `in/${name}`));
  const body = loopBody(tail, trainable, groups, options, terms, scalars);
  const nextWeights = groups.map((group) => `next/${group.name}`);
  c.add(
    node(
      'Loop',
      [count, '', ...packed, ...state.map((entry) => entry.input)],
      [...nextWeights, ...state.map((entry) => entry.output), 'losses'],
      {
        body,
      },
    ),
  );
  groups.forEach((group, index) => {
    const parts = unpack(c, group, nextWeights[index] as string);
    for (const [name, part] of parts) c.add(node('Identity', [part], [`out/${name}`]));
  });

  const parameters = trainable.parameters.map(({ name, dims }) => ({ name, input: `in/${name}`, output: `out/${name}`, dims }));
  const outputs = [
    ...parameters.map(({ output, dims }) => value(output, dims)),
    ...state.map(({ output, dims }) => value(output, dims)),
    value('losses', ['steps']),
  ];
  const inputs = [...dataInputs(trainable, options), ...parameters.map(({ input, dims }) => value(input, dims))];
  if (options.loss.anchor !== 0) inputs.push(...parameters.map(({ name, dims }) => value(`base/${name}`, dims)));
  inputs.push(...state.map(({ input, dims }) => value(input, dims)));
  const whole = graph('epoch', { inputs, outputs, ...drained(c, outputs) });
  return { model: { ...model(whole), opsets: trainable.opsets, irVersion: trainable.irVersion }, parameters, state };
}

function drained(c: Draft, outputs: readonly ValueInfo[]) {
  return c.finish(outputs.map((output) => output.name));
}

function dataInputs({ sample }: Trainable, { batch, loss }: StepOptions): ValueInfo[] {
  return [
    value('features', ['samples', ...sample]),
    value('labels', ['samples'], 'int64'),
    value('weights', ['samples']),
    value('order', ['steps', batch], 'int64'),
    value('rates', ['steps']),
    value('done', []),
    ...(loss.distillation === null ? [] : [value('teacher', ['samples', loss.classes]), value('share', ['samples'])]),
  ];
}

function prelude(c: Draft, { batch, loss }: StepOptions): readonly LossTerm[] {
  c.declare('labels', [unbound], 'int64');
  const taught = loss.distillation === null ? {} : { teacher: 'teacher', share: 'share' };
  return lossTerms(c, { labels: 'labels', weights: 'weights', ...taught }, batch, loss);
}

/** Stands for the number of samples or steps, which the compiled graph leaves open and no rule asks for. */
const unbound = -1;

/** One step: gather the batch, forward, loss, backward, update. */
function loopBody(
  tail: TrainableTail,
  trainable: Trainable,
  groups: readonly Group[],
  options: StepOptions,
  terms: readonly LossTerm[],
  scalars: Readonly<Record<string, string>>,
): Graph {
  const { batch, loss, optimizer } = options;
  const c = new Draft({ prefix: 'step/' });
  const slots = stateSlots(optimizer);
  c.declare('step', [], 'int64');
  c.declare('going', [], 'bool');

  const rowOf = (name: string, shape: readonly number[], at: string) => c.emit('Gather', [c.declare(name, [unbound, ...shape]), at]);
  const rows = c.emit('Gather', [c.declare('order', [unbound, batch], 'int64'), 'step']);
  const x = rowOf('features', trainable.sample, rows);
  const batchTerms = terms.map((term) => ({
    targets: rowOf(term.targets, [loss.classes], rows),
    weights: rowOf(term.weights, [1], rows),
    temperature: term.temperature,
  }));

  const current = groups.map((group) => c.declare(`step/${group.name}`, group.dims));
  const parameters = new Map(groups.flatMap((group, index) => [...unpack(c, group, current[index] as string)]));
  const forward = writeForward(c, tail, trainable, x, parameters);
  const logits = forward.logits;
  const { loss: dataLoss, dlogits } = lossOfBatch(c, logits, batchTerms, loss.kind);

  const anchors = [...parameters].map(([name, w]) => {
    return loss.anchor === 0 ? null : { w, ...anchorLoss(c, w, c.declare(`base/${name}`, c.shape(w)), loss.anchor) };
  });
  const seeds = new Map([[logits, dlogits]]);
  for (const anchor of anchors) if (anchor !== null) seeds.set(anchor.w, anchor.dw);
  const gradients = backward(c, forward.nodes, seeds, [...parameters.values()]);
  const total = anchors.reduce((sum, anchor) => (anchor === null ? sum : c.plus(sum, anchor.loss)), dataLoss);

  const now = Object.fromEntries(Object.entries(scalars).map(([name, vector]) => [name, rowOf(vector, [], 'step')]));
  const next = groups.map((group, index) => {
    const w = current[index] as string;
    const dw = pack(c, group, (name) => {
      const own = parameters.get(name) as string;
      return gradients.get(own) ?? c.emit('Expand', [0, c.ints(c.shape(own))]);
    });
    const state = slots.map((slot) => c.declare(`step/${group.name}/${slot}`, group.dims));
    return { w, old: state, ...{ updated: update(c, optimizer, w, dw, state, decayed(c, group, now)) } };
  });

  const shapeOf = (name: string) => value(name, c.shape(name));
  const going = c.emit('Identity', ['going']);
  const carriedIn = [...current, ...next.flatMap(({ old }) => old)];
  const carriedOut = [...next.map(({ updated }) => updated.w), ...next.flatMap(({ updated }) => updated.state)];
  const outputs = [value(going, [], 'bool'), ...carriedOut.map(shapeOf), value(total, [])];
  return graph('step', {
    inputs: [value('step', [], 'int64'), value('going', [], 'bool'), ...carriedIn.map(shapeOf)],
    outputs,
    ...drained(c, outputs),
  });
}

/** Writes the tail's nodes into the draft under names of their own. Parameters take the names that hold them in this step. */
function writeForward(c: Draft, tail: TrainableTail, trainable: Trainable, x: string, parameters: ReadonlyMap<string, string>) {
  const own = (name: string) => (name === '' ? '' : name === tail.input ? x : (parameters.get(name) ?? `tail/${name}`));
  for (const [name, tensor] of trainable.constants) c.constant(own(name), tensor);
  const before = c.nodes.length;
  for (const each of trainable.nodes) c.add({ ...each, inputs: each.inputs.map(own), outputs: each.outputs.map(own) });
  return { nodes: c.nodes.slice(before), logits: own(tail.logits) };
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
