// What LSTM, GRU and RNN have in common: a node's weights by direction, the products with the whole input, and the steps one after another.
// Takes sequences of known length [time, batch, input]; refuses lengths by sample, clipped cells and activations with parameters.
import { WhetError } from '../../errors.ts';
import { intAttribute, nodeTitle, stringAttribute, stringsAttribute } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/ir.ts';
import { is } from '../../onnx/operator-traits.ts';
import type { Draft } from '../draft.ts';

/** Longer sequences make a graph that takes longer to open than to train. */
const longest = 512;

/** One direction of a layer. */
export interface Direction {
  /** Input products of each step, in order of time: [batch, gates·hidden], with the bias of the input. */
  readonly inputs: readonly string[];
  /** [gates·hidden, hidden]. */
  readonly recurrent: string;
  /** [gates·hidden]; null where there is none. */
  readonly inputBias: string | null;
  readonly recurrentBias: string | null;
  /** [3·hidden], of an LSTM alone. */
  readonly peepholes: string | null;
  /** Values before the first step, [batch, hidden] each: h, and c of an LSTM. */
  readonly initial: readonly string[];
  readonly activations: readonly string[];
  readonly hidden: number;
}

/** One step: takes the input product and the values before it, gives those after it; the first is the output. */
export type Cell = (x: string, state: readonly string[]) => readonly string[];

interface Form {
  readonly gates: number;
  /** Default activations of one direction. */
  readonly activations: readonly string[];
  /** Inputs that hold the values before the first step. */
  readonly initial: readonly number[];
  /** Whether a part of the input's bias is added within the cell, so that the product may not hold the recurrent one. */
  readonly biasApart: boolean;
  readonly peepholes: number | null;
}

/** Writes the node as steps. `cellOf` gives the cell of a direction. */
export function unroll(c: Draft, node: Node, form: Form, cellOf: (direction: Direction) => Cell): void {
  const [x = '', , r = ''] = node.inputs;
  refuseUnknown(c, node, x);
  const [time = 0, batch = 0] = c.shape(x);
  const hidden = c.shape(r).at(-1) as number;
  const names = { forward: [false], reverse: [true], bidirectional: [false, true] } as const;
  const backwards = names[stringAttribute(node, 'direction', 'forward') as keyof typeof names] ?? [false];
  const done = backwards.map((isReverse, index) => {
    const direction = directionOf(c, node, form, { index, count: backwards.length, batch, hidden });
    const cell = cellOf(direction);
    const order = Array.from(direction.inputs.keys());
    if (isReverse) order.reverse();
    const outputs: string[] = [];
    let state = direction.initial;
    for (const t of order) {
      state = cell(direction.inputs[t] as string, state);
      outputs[t] = state[0] as string;
    }
    return { outputs, state };
  });
  const [y = '', ...lasts] = node.outputs;
  if (y !== '') {
    const all = done.map(({ outputs }) => c.reshape(joined(c, outputs, 0), [time, 1, batch, hidden]));
    give(c, y, joined(c, all, 1));
  }
  lasts.forEach((name, index) => {
    if (name !== '')
      give(
        c,
        name,
        joined(
          c,
          done.map(({ state }) => c.reshape(state[index] as string, [1, batch, hidden])),
          0,
        ),
      );
  });
}

interface Place {
  readonly index: number;
  readonly count: number;
  readonly batch: number;
  readonly hidden: number;
}

function directionOf(c: Draft, node: Node, form: Form, { index, count, batch, hidden }: Place): Direction {
  const [x = '', w = '', r = '', b = ''] = node.inputs;
  const [time = 0, , width = 0] = c.shape(x);
  const rows = form.gates * hidden;
  /** The part of this direction, without the axis of directions. */
  const own = (name: string) => {
    const shape = c.shape(name).slice(1);
    const parts = count === 1 ? [name] : c.emitMany('Split', [name, c.ints(Array(count).fill(1))], count, { axis: 0 });
    return c.reshape(parts[index] as string, shape);
  };
  const biases = b === '' ? null : c.emitMany('Split', [own(b), c.ints([rows, rows])], 2, { axis: 0 });
  const [inputBias = null, recurrentBias = null] = biases ?? [];
  const bias = inputBias === null || recurrentBias === null || form.biasApart ? inputBias : c.plus(inputBias, recurrentBias);
  const flat = c.reshape(x, [time * batch, width]);
  const products = c.emit('Gemm', [flat, own(w), ...(bias === null ? [] : [bias])], { transB: 1 });
  const activations = stringsAttribute(node, 'activations') ?? Array(count).fill(form.activations).flat();
  const each = form.activations.length;
  if (activations.length !== count * each) throw refused(node, `has ${activations.length} activations, not ${count * each}`);
  return {
    inputs: time === 1 ? [products] : c.emitMany('Split', [products, c.ints(Array(time).fill(batch))], time, { axis: 0 }),
    recurrent: own(r),
    inputBias,
    recurrentBias,
    peepholes: form.peepholes !== null && node.inputs[form.peepholes] ? own(node.inputs[form.peepholes] as string) : null,
    initial: form.initial.map((input) => {
      const name = node.inputs[input] ?? '';
      return name === '' ? c.emit('Expand', [0, c.ints([batch, hidden])]) : own(name);
    }),
    activations: activations.slice(index * each, (index + 1) * each),
    hidden,
  };
}

/** [batch, n·hidden] → n times [batch, hidden]. */
export function splitGates(c: Draft, x: string, count: number, hidden: number): readonly string[] {
  return c.emitMany('Split', [x, c.ints(Array(count).fill(hidden))], count, { axis: -1 });
}

function joined(c: Draft, parts: readonly string[], axis: number): string {
  return parts.length === 1 ? (parts[0] as string) : c.emit('Concat', parts, { axis });
}

/** Gives a value the name that the model knows it by. */
export function give(c: Draft, name: string, value: string): void {
  c.add({ op: 'Identity', domain: '', name, inputs: [value], outputs: [name], attributes: {} });
}

function refuseUnknown(c: Draft, node: Node, x: string): void {
  const [time = 0, batch = 0] = c.shape(x);
  if (c.dtypeOf(x) !== c.dtype) throw refused(node, `computes in ${c.dtypeOf(x)}`);
  if (time > longest) throw refused(node, `has ${time} steps, and at most ${longest} can be unrolled`);
  if (intAttribute(node, 'layout', 0) !== 0) throw refused(node, 'has the batch first (layout 1)');
  if (intAttribute(node, 'input_forget', 0) !== 0) throw refused(node, 'couples its input and forget gates (input_forget)');
  if (node.attributes.clip !== undefined) throw refused(node, 'clips its cells (clip)');
  const strange = (stringsAttribute(node, 'activations') ?? []).find((op) => !is({ op }, 'in-cells'));
  if (strange !== undefined) throw refused(node, `has the activation '${strange}'`);
  const lengths = node.inputs[4] ?? '';
  if (lengths === '') return;
  const known = c.knownInts(lengths);
  if (known?.length !== batch || known.some((length) => length !== time)) throw refused(node, 'takes a length for every sample');
}

function refused(node: Node, what: string): WhetError {
  return new WhetError('operator-unsupported', `the recurrent layer ${nodeTitle(node)} ${what}; training does not know that`, {
    hint: 'Cut behind the recurrent layer: train fewer layers (--layers), so that it stays in the frozen part.',
  });
}
