// Solves (A + λ_c·I) x_c = b_c for many right sides at once, each with its own λ, by conjugate gradients with Jacobi preconditioning inside
// one ONNX `Loop` that stops on the residual. A is symmetric and positive semidefinite, every λ positive; refuses what does not stay finite.

import { WhetError } from '../../errors.ts';
import { encodeModel } from '../../onnx/codec/encode.ts';
import type { Graph, Model, Tensor } from '../../onnx/ir.ts';
import { floats, graph, ints, model, node, value } from '../../onnx/made/build.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { floatTensor } from './gather.ts';

export interface ShiftedSystem {
  /** A, [size, size]. */
  readonly matrix: Float32Array;
  readonly size: number;
  /** b, [size, columns]. */
  readonly right: Float32Array;
  /** λ of each column. */
  readonly shifts: Float32Array;
}

export interface Solution {
  /** x, [size, columns]. */
  readonly x: Float32Array;
  readonly iterations: number;
  /** Largest ‖b − A x‖ / ‖b‖ over the columns, as the recurrence has it. */
  readonly residual: number;
}

export interface Solver extends AsyncDisposable {
  solve(system: ShiftedSystem, options?: { readonly tolerance?: number; readonly iterations?: number }): Promise<Solution>;
  close(): Promise<void>;
}

export async function openSolver(runtime: Runtime): Promise<Solver> {
  const session = await runtime.open(encodeModel(solverModel()), { label: 'the ridge solver' });
  return {
    async solve({ matrix, size, right, shifts }, { tolerance = 1e-6, iterations: limit = 400 } = {}) {
      const diagonal = Float32Array.from({ length: size }, (_, at) => matrix[at * size + at]!);
      const result = await session.run({
        a: floatTensor([size, size], matrix),
        b: floatTensor([size, shifts.length], right),
        lambda: floatTensor([1, shifts.length], shifts),
        diagonal: floatTensor([size, 1], diagonal),
        tolerance2: floatTensor([], Float32Array.of(tolerance * tolerance)),
        limit: { dtype: 'int64', dims: [], data: BigInt64Array.of(BigInt(limit)) },
      });
      const output = (name: string) => (result[name] as Tensor).data;
      const [residual = Number.NaN] = output('residual') as Float32Array;
      if (!Number.isFinite(residual)) {
        throw new WhetError('training-diverged', `the ridge solver did not stay finite (${size} features, ${shifts.length} columns)`, {
          hint: 'Features that are not finite, or extremely large, come from a damaged backbone or a wrong model card.',
        });
      }
      const [iterations = 0] = Array.from(output('steps') as BigInt64Array, Number);
      return { x: output('x') as Float32Array, iterations, residual };
    },
    close: () => session.close(),
    [Symbol.asyncDispose]: () => session.close(),
  };
}

const square = (name: string, out: string) => [node('Mul', [name, name], [`${name}_2`]), node('ReduceSum', [`${name}_2`, 'rows'], [out])];

function solverModel(): Model {
  return model(
    graph('ridge', {
      inputs: [
        value('a', ['size', 'size']),
        value('b', ['size', 'columns']),
        value('lambda', [1, 'columns']),
        value('diagonal', ['size', 1]),
        value('tolerance2', []),
        value('limit', [], 'int64'),
      ],
      outputs: [value('x', ['size', 'columns']), value('steps', [], 'int64'), value('residual', [])],
      initializers: [
        ['rows', ints([0])],
        ['tiny', floats([], 1e-30)],
        ['zero', floats([], 0)],
        ['one', { dtype: 'int64', dims: [], data: BigInt64Array.of(1n) }],
        ['none', { dtype: 'int64', dims: [], data: BigInt64Array.of(0n) }],
        ['yes', { dtype: 'bool', dims: [], data: Uint8Array.of(1) }],
      ],
      nodes: [
        node('Add', ['diagonal', 'lambda'], ['shifted']),
        node('Reciprocal', ['shifted'], ['inverse']),
        ...square('b', 'bb'),
        node('Mul', ['bb', 'tolerance2'], ['goal']),
        node('Mul', ['b', 'inverse'], ['z0']),
        node('Mul', ['b', 'z0'], ['bz']),
        node('ReduceSum', ['bz', 'rows'], ['rz0']),
        node('Mul', ['b', 'zero'], ['x0']),
        node('Loop', ['limit', 'yes', 'x0', 'b', 'z0', 'rz0', 'bb', 'none'], ['x', 'r', 'p', 'rz', 'rr', 'steps'], { body: step() }),
        node('Max', ['bb', 'tiny'], ['bb_safe']),
        node('Div', ['rr', 'bb_safe'], ['relative']),
        node('ReduceMax', ['relative'], ['worst'], { keepdims: 0 }),
        node('Sqrt', ['worst'], ['residual']),
      ],
    }),
  );
}

/** One step of preconditioned conjugate gradients (Saad, Iterative Methods for Sparse Linear Systems, algorithm 9.1), column by column. */
function step(): Graph {
  const matrix = ['size', 'columns'];
  const row = [1, 'columns'];
  return graph('step', {
    inputs: [
      value('i', [], 'int64'),
      value('go', [], 'bool'),
      value('x_in', matrix),
      value('r_in', matrix),
      value('p_in', matrix),
      value('rz_in', row),
      value('rr_in', row),
      value('steps_in', [], 'int64'),
    ],
    outputs: [
      value('go_on', [], 'bool'),
      value('x_out', matrix),
      value('r_out', matrix),
      value('p_out', matrix),
      value('rz_out', row),
      value('rr_out', row),
      value('steps_out', [], 'int64'),
    ],
    nodes: [
      node('MatMul', ['a', 'p_in'], ['ap_plain']),
      node('Mul', ['lambda', 'p_in'], ['ap_shift']),
      node('Add', ['ap_plain', 'ap_shift'], ['ap']),
      node('Mul', ['p_in', 'ap'], ['pap_terms']),
      node('ReduceSum', ['pap_terms', 'rows'], ['pap']),
      node('Max', ['pap', 'tiny'], ['pap_safe']),
      node('Div', ['rz_in', 'pap_safe'], ['alpha']),
      node('Mul', ['alpha', 'p_in'], ['x_step']),
      node('Add', ['x_in', 'x_step'], ['x_out']),
      node('Mul', ['alpha', 'ap'], ['r_step']),
      node('Sub', ['r_in', 'r_step'], ['r_out']),
      node('Mul', ['r_out', 'inverse'], ['z']),
      node('Mul', ['r_out', 'z'], ['rz_terms']),
      node('ReduceSum', ['rz_terms', 'rows'], ['rz_out']),
      ...square('r_out', 'rr_out'),
      node('Max', ['rz_in', 'tiny'], ['rz_safe']),
      node('Div', ['rz_out', 'rz_safe'], ['beta']),
      node('Mul', ['beta', 'p_in'], ['p_kept']),
      node('Add', ['z', 'p_kept'], ['p_out']),
      node('Greater', ['rr_out', 'goal'], ['above']),
      node('Cast', ['above'], ['above_int'], { to: 6 }),
      node('ReduceMax', ['above_int'], ['any'], { keepdims: 0 }),
      node('Cast', ['any'], ['go_on'], { to: 9 }),
      node('Add', ['steps_in', 'one'], ['steps_out']),
    ],
  });
}
