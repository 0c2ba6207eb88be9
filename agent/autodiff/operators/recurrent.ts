// Recurrent layers as their steps. Takes LSTM, GRU and RNN nodes in the form of ai.onnx (gates in the order i o f c, and z r h).
import { intAttribute } from '../../onnx/attributes.ts';
import type { Draft } from '../draft.ts';
import type { Expansion, Family } from '../operator.ts';
import { splitGates, unroll } from './unroll.ts';

/** h·Rᵀ + x. */
const recur = (c: Draft, h: string, r: string, x: string) => c.emit('Gemm', [h, r, x], { transB: 1 });

/**
 * i, o, f = σ(x·W + h·R + b (+ P·c)),  c̃ = tanh(x·W + h·R + b),  c′ = f·c + i·c̃,  h′ = o·tanh c′;  the peephole of o sees c′.
 * Hochreiter, Schmidhuber 1997; Gers, Schmidhuber 2000.
 */
const expandLstm: Expansion = (c, node) => {
  const form = { gates: 4, activations: ['Sigmoid', 'Tanh', 'Tanh'], initial: [5, 6], biasApart: false, peepholes: 7 };
  unroll(c, node, form, ({ recurrent, activations, peepholes, hidden }) => {
    const [gate = '', candidate = '', output = ''] = activations;
    const [pi, po, pf] = peepholes === null ? [] : splitGates(c, peepholes, 3, hidden);
    const seeing = (x: string, p: string | undefined, cell: string) => (p === undefined ? x : c.plus(x, c.mul(p, cell)));
    return (x, [h = '', before = '']) => {
      const [i = '', o = '', f = '', g = ''] = splitGates(c, recur(c, h, recurrent, x), 4, hidden);
      const [input, forget] = [c.emit(gate, [seeing(i, pi, before)]), c.emit(gate, [seeing(f, pf, before)])];
      const cell = c.plus(c.mul(forget, before), c.mul(input, c.emit(candidate, [g])));
      return [c.mul(c.emit(gate, [seeing(o, po, cell)]), c.emit(output, [cell])), cell];
    };
  });
};

/**
 * z, r = σ(x·W + h·R + b),  h̃ = tanh(x·W + (r·h)·R + b), or tanh(x·W + b + r·(h·R + b′)) with linear_before_reset,  h′ = (1 − z)·h̃ + z·h.
 * Cho et al. 2014.
 */
const expandGru: Expansion = (c, node) => {
  const isLinear = intAttribute(node, 'linear_before_reset', 0) !== 0;
  const form = { gates: 3, activations: ['Sigmoid', 'Tanh'], initial: [5], biasApart: isLinear, peepholes: null };
  unroll(c, node, form, ({ recurrent, recurrentBias, activations, hidden }) => {
    const [gate = '', candidate = ''] = activations;
    const [first = '', last = ''] = c.emitMany('Split', [recurrent, c.ints([2 * hidden, hidden])], 2, { axis: 0 });
    const parts = (x: string) => c.emitMany('Split', [x, c.ints([2 * hidden, hidden])], 2, { axis: -1 });
    const proposal = (x: string, h: string, r: string) => (isLinear ? c.plus(x, c.mul(r, h)) : recur(c, c.mul(r, h), last, x));
    return (x, [h = '']) => {
      const [xGates = '', xLast = ''] = parts(x);
      // With linear_before_reset all of h·R is one product, with its own bias.
      const whole = isLinear ? c.emit('Gemm', [h, recurrent, ...(recurrentBias === null ? [] : [recurrentBias])], { transB: 1 }) : null;
      const [hGates = '', hLast = ''] = whole === null ? [] : parts(whole);
      const gates = c.emit(gate, [whole === null ? recur(c, h, first, xGates) : c.plus(xGates, hGates)]);
      const [z = '', r = ''] = splitGates(c, gates, 2, hidden);
      const next = c.emit(candidate, [proposal(xLast, whole === null ? h : hLast, r)]);
      // (1 − z)·h̃ + z·h
      return [c.plus(next, c.mul(z, c.sub(h, next)))];
    };
  });
};

/** h′ = tanh(x·W + h·R + b). */
const expandRnn: Expansion = (c, node) => {
  const form = { gates: 1, activations: ['Tanh'], initial: [5], biasApart: false, peepholes: null };
  unroll(c, node, form, ({ recurrent, activations: [activation = ''] }) => {
    return (x, [h = '']) => [c.emit(activation, [recur(c, h, recurrent, x)])];
  });
};

export const recurrentLayers: Family = {
  LSTM: { expand: expandLstm },
  GRU: { expand: expandGru },
  RNN: { expand: expandRnn },
};
