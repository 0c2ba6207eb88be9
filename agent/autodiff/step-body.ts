// One step of training as the body of a Scan: forward pass, gradient of the loss, backward pass, and update of what is trained. Samples are those
// of the enclosing graph, taken by name; weights and optimizer state go from step to step; targets and rates come one step's slice a step.

import { type DType, type Graph, sizeOf } from '../onnx/ir.ts';
import { graph, value } from '../onnx/made/build.ts';
import { Draft } from './draft.ts';
import { bytesPerElement } from './liveness.ts';
import { anchorTerm, type LossTerm, logitGradient } from './loss.ts';
import { writeLowered } from './lower/lower.ts';
import { gradientRules, loweredGradients } from './operators.ts';
import { stateSlots, update } from './optimizers.ts';
import { type Group, pack, unpack } from './packing.ts';
import { clipped, mixed } from './regularization.ts';
import { expandSnaps } from './snap.ts';
import type { StepOptions } from './step.ts';
import type { Statistic, Trainable, TrainableTail } from './trainable.ts';
import { backward } from './walk.ts';

/** Stands for the number of samples or steps, which the compiled graph leaves open and no rule asks for. */
export const unbound = -1;

/** A value [steps, …] of the enclosing graph, of which each step sees its slice [...dims]. */
export interface Slice {
  readonly source: string;
  readonly dims: readonly number[];
  readonly dtype?: DType;
}

export interface Step {
  readonly tail: TrainableTail;
  readonly trainable: Trainable;
  readonly groups: readonly Group[];
  readonly options: StepOptions;
  readonly terms: readonly LossTerm[];
  /** What a step reads, by the name it has there: `rows` of the samples, `targets` and `weights <term>` as in Slopes, and the optimizer's scalars. */
  readonly slices: ReadonlyMap<string, Slice>;
  /** One value a group, a number or one an element; null: all 1. */
  readonly factors: readonly string[] | null;
}

export interface StepBody {
  readonly body: Graph;
  readonly working: WorkingSet;
}

/** What a step works on, for a plan of its memory. */
export interface WorkingSet {
  /** The body, a Snap as one node. */
  readonly graph: Graph;
  /** Names of the gradients of what is trained. */
  readonly gradients: readonly string[];
  readonly bytesOf: (name: string) => number;
}

/** Name of the group's base weights in the enclosing graph. */
export const baseOf = (group: Group) => `base of ${group.name}`;

/**
 * Inputs: weights, optimizer state and statistics, then the slices in their order. Outputs: the same values after the step, then what is
 * gathered over the steps: the logits, and with L2-SP the squared distance of each group to its base.
 */
export function stepBody(step: Step): StepBody {
  const { trainable, groups, options, slices, factors } = step;
  const { loss, optimizer } = options;
  const c = new Draft({ prefix: 'step/' });
  const slots = stateSlots(optimizer);
  const own = new Map([...slices].map(([name, { dims, dtype }]) => [name, c.declare(`now/${name}`, dims, dtype)]));
  const x = batchOf(c, trainable, own, options);

  const current = groups.map((group) => c.declare(`step/${group.name}`, group.dims));
  const parameters = new Map(groups.flatMap((group, index) => [...unpack(c, group, current[index] as string)]));
  const forward = writeForward(c, step, x, parameters);
  const weights = step.terms.map((_, index) => own.get(`weights ${index}`) as string);
  const dlogits = logitGradient(c, forward.logits, step.terms, { weights, targets: own.get('targets') as string }, loss.kind);
  const rules = options.lowered === false ? gradientRules : loweredGradients;
  const gradients = backward(c, forward.nodes, new Map([[forward.logits, dlogits]]), [...parameters.values()], rules);
  const packed = groups.map((group) =>
    pack(c, group, (name) => {
      const parameter = parameters.get(name) as string;
      return gradients.get(parameter) ?? c.emit('Expand', [0, c.ints(c.shape(parameter))]);
    }),
  );
  const anchors =
    loss.anchor === 0
      ? []
      : groups.map((group, index) => anchorTerm(c, current[index] as string, c.declare(baseOf(group), group.dims), loss.anchor));
  const drawn = packed.map((dw, index) => (anchors[index] === undefined ? dw : c.plus(dw, anchors[index].dw)));
  const dws = options.clip === true ? clipped(c, drawn, c.declare('clip', [])) : drawn;

  const now = Object.fromEntries(own);
  const next = groups.map((group, index) => {
    const w = current[index] as string;
    const state = slots.map((slot) => c.declare(`step/${group.name}/${slot}`, group.dims));
    const factor = factors === null ? null : c.declare(factors[index] as string, group.members.length === 1 ? [] : group.dims);
    const scalars = decayed(c, group, factor === null ? now : slowed(c, now, factor));
    return { old: state, ...update(c, optimizer, w, dws[index] as string, state, scalars) };
  });

  const shapeOf = (name: string) => value(name, c.shape(name), c.dtypeOf(name));
  const statistics = forward.statistics.map(({ dims, ...names }) => ({ ...names, info: (name: string) => value(name, dims) }));
  const before = [...current, ...next.flatMap(({ old }) => old)].map(shapeOf);
  const after = [...next.map(({ w }) => w), ...next.flatMap(({ state }) => state)].map(shapeOf);
  const gathered = [forward.logits, ...anchors.map(({ squares }) => squares)].map(shapeOf);
  const outputs = [...after, ...statistics.map(({ next: name, info }) => info(name)), ...gathered];
  const body = graph('step', {
    inputs: [...before, ...statistics.map(({ name, info }) => info(name)), ...[...own.values()].map(shapeOf)],
    outputs,
    ...c.finish(outputs.map((output) => output.name)),
  });
  const bytesOf = (name: string) => (c.hasShape(name) ? sizeOf(c.shape(name)) * bytesPerElement(c.dtypeOf(name)) : 0);
  return { body: expandSnaps(body), working: { graph: body, gradients: packed, bytesOf } };
}

/** Features of the rows whose turn it is, mixed where that is wanted. */
function batchOf(c: Draft, { sample }: Trainable, own: ReadonlyMap<string, string>, { mixup }: StepOptions): string {
  const features = c.declare('features', [unbound, ...sample]);
  const taken = (rows: string) => c.emit('Gather', [features, own.get(rows) as string]);
  return mixup === true ? mixed(c, taken('rows'), taken('partners'), own.get('mix') as string) : taken('rows');
}

/** Writes the tail's nodes into the draft under names of their own. Parameters take the names that hold them in this step. */
function writeForward(c: Draft, { tail, trainable, options }: Step, x: string, parameters: ReadonlyMap<string, string>) {
  const held = new Map(parameters);
  for (const { name, dims } of trainable.statistics) held.set(name, c.declare(`step/${name}`, dims));
  for (const [name, { dims, dtype }] of trainable.fixed) held.set(name, c.declare(`in/${name}`, dims, dtype));
  const own = (name: string) => (name === '' ? '' : name === tail.input ? x : (held.get(name) ?? `tail/${name}`));
  for (const [name, tensor] of trainable.constants) c.constant(own(name), tensor);
  const before = c.nodes.length;
  const nodes = trainable.nodes.map((each) => ({ ...each, inputs: each.inputs.map(own), outputs: each.outputs.map(own) }));
  const statistics = trainable.statistics.map(({ name, next, dims }): Statistic => ({ name: own(name), next: own(next), dims }));
  if (options.lowered !== false) writeLowered(c, nodes, [own(tail.logits), ...statistics.map(({ next }) => next)]);
  else for (const each of nodes) c.add(each);
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
