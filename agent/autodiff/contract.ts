// The contract of a compiled step for programs that are not Whetstone: every input and output with its type, its shape and what it means, and
// how values travel from one call to the next. Takes a step and the options it was compiled with, gives plain JSON; pure.
import { WhetError } from '../errors.ts';
import type { Dim, DType, Model, ValueInfo } from '../onnx/ir.ts';
import type { StepOptions, TrainingStep } from './step.ts';

/** What a reader of the contract should check first; the number rises when a program written for the old one would go wrong. */
const contractFormat = 'whetstone-step/1';
/** Key of the contract in the metadata of the ONNX file. */
export const contractKey = 'whetstone.contract';

export interface Contract {
  readonly format: typeof contractFormat;
  /** Samples in one step. */
  readonly batch: number;
  readonly classes: number;
  readonly optimizer: StepOptions['optimizer'];
  readonly loss: StepOptions['loss'];
  readonly inputs: readonly ContractInput[];
  readonly outputs: readonly ContractOutput[];
}

interface ContractValue {
  readonly name: string;
  readonly type: DType;
  /** Numbers where fixed; 'samples' and 'steps' are the caller's to choose, each the same in all inputs of one call. */
  readonly shape: readonly Dim[];
  readonly what: string;
}

export interface ContractInput extends ContractValue {
  /** 'data': the caller makes it for every call. 'weight', 'state': begins with what the safetensors file says, then is what a call gave. */
  readonly role: 'data' | 'weight' | 'state';
}

export interface ContractOutput extends ContractValue {
  /** Input of the next call that takes this value; null: none does. */
  readonly feeds: string | null;
}

/** Throws `internal` where an input of the step is not described here. */
export function contractOf(step: TrainingStep, options: StepOptions): Contract {
  const { graph } = step.model;
  const weights = new Map(step.parameters.map(({ name, input }) => [input, name]));
  const states = new Set(step.state.map(({ input }) => input));
  const feeds = new Map([...step.parameters, ...step.state].map(({ input, output }) => [output, input]));
  return {
    format: contractFormat,
    batch: options.batch,
    classes: options.loss.classes,
    optimizer: options.optimizer,
    loss: options.loss,
    inputs: graph.inputs.map((info) => {
      const name = weights.get(info.name);
      if (name !== undefined) return { ...described(info, `the weights '${name}' of the model`), role: 'weight' };
      if (states.has(info.name)) return { ...described(info, 'what the optimizer remembers'), role: 'state' };
      return { ...described(info, meaningOf(info.name)), role: 'data' };
    }),
    outputs: graph.outputs.map((info) => {
      const input = feeds.get(info.name) ?? null;
      return { ...described(info, input === null ? meaningOf(info.name) : `'${input}' after the last step`), feeds: input };
    }),
  };
}

/** The step's model with its contract among the metadata. */
export function withContract(step: TrainingStep, contract: Contract): Model {
  return { ...step.model, metadata: new Map([...step.model.metadata, [contractKey, JSON.stringify(contract)]]) };
}

const meanings: Readonly<Record<string, string>> = {
  features: 'what the frozen part of the model gives for each sample',
  labels: 'the class of each sample, counted from 0',
  weights: 'how much each sample counts against the others; 1 where nothing is known',
  order: 'rows of the samples that each step takes; one call may hold as many steps as wanted',
  rates: 'learning rate of each step',
  done: 'steps taken in earlier calls, 0 at first',
  teacher: 'logits of the tail before training, for distillation',
  share: 'how much of the loss of each sample is distillation, 0 to 1',
  losses: 'the loss of each step',
};

function meaningOf(name: string): string {
  if (name.startsWith('base/')) return `the weights that '${name.slice('base/'.length)}' is drawn to`;
  const meaning = meanings[name];
  if (meaning === undefined) throw new WhetError('internal', `the contract of a training step does not know the value '${name}'`);
  return meaning;
}

function described({ name, dtype, shape }: ValueInfo, what: string): ContractValue {
  if (dtype === null || shape === null) throw new WhetError('internal', `the value '${name}' of a training step has no type or shape`);
  return { name, type: dtype, shape, what };
}
