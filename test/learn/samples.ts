// Synthetic features and hand-made float tails for the tests of learners; seeded.

import type { Tensor } from '../../agent/onnx/ir.ts';
import { floats, graph, model, node, value } from '../../agent/onnx/made/build.ts';
import type { FloatTail, TailParameter } from '../../agent/onnx/surgery/tail.ts';
import type { FeatureSet } from '../../agent/types.ts';

export function randomizer(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Classes around random means; `noise` is the spread about them; `perGroup` rows share a group. */
export function clusters(options: {
  readonly perClass: number;
  readonly classes: number;
  readonly width: number;
  readonly seed: number;
  readonly noise?: number;
  readonly perGroup?: number;
}): FeatureSet {
  const { perClass, classes, width, noise = 1, perGroup = 1 } = options;
  const means = randomizer(99);
  const centres = Float32Array.from({ length: classes * width }, () => means() * 2);
  const next = randomizer(options.seed);
  const gauss = () => next() + next() + next() + next() - 2;
  const count = perClass * classes;
  const features = new Float32Array(count * width);
  for (let row = 0; row < count; row += 1) {
    const label = Math.floor(row / perClass);
    for (let at = 0; at < width; at += 1) features[row * width + at] = centres[label * width + at]! + noise * gauss();
  }
  return {
    features,
    count,
    width,
    labels: Int32Array.from({ length: count }, (_, row) => Math.floor(row / perClass)),
    groups: Int32Array.from({ length: count }, (_, row) => Math.floor(row / perGroup)),
  };
}

/** One Gemm from features to logits. */
export function linearTail(
  width: number,
  classes: number,
  options: { readonly layout?: 'in-out' | 'out-in'; readonly bias?: boolean; readonly weight?: ArrayLike<number> } = {},
): FloatTail {
  const { layout = 'out-in', bias = true, weight = new Float32Array(width * classes) } = options;
  const dims = layout === 'out-in' ? [classes, width] : [width, classes];
  const initializers: [string, Tensor][] = [['w', floats(dims, weight)]];
  if (bias) initializers.push(['b', floats([classes], 0)]);
  const parameters: TailParameter[] = [{ name: 'w', dims, role: 'weight', layer: 0 }];
  if (bias) parameters.push({ name: 'b', dims: [classes], role: 'bias', layer: 0 });
  const gemm = node('Gemm', bias ? ['h', 'w', 'b'] : ['h', 'w'], ['z'], { transB: layout === 'out-in' ? 1 : 0 });
  return {
    model: model(
      graph('tail', { inputs: [value('h', ['batch', width])], outputs: [value('z', ['batch', classes])], nodes: [gemm], initializers }),
    ),
    input: 'h',
    output: 'z',
    logits: 'z',
    activation: 'none',
    parameters,
    head: { weight: 'w', bias: bias ? 'b' : null, layout, input: 'h', width, classes },
    origins: new Map(parameters.map(({ name }) => [name, { kind: 'float', values: [{ node: 'z', input: name === 'w' ? 1 : 2 }] }])),
    base: new Map(initializers),
    activations: [],
  };
}

/** Features → Relu(h·v) → Gemm: the head is the second layer. */
export function twoLayerTail(width: number, hidden: number, classes: number, seed: number): FloatTail {
  const tail = linearTail(hidden, classes);
  const next = randomizer(seed);
  const first = Float32Array.from({ length: width * hidden }, () => next() - 0.5);
  const nodes = [node('MatMul', ['x', 'v'], ['u']), node('Relu', ['u'], ['h']), ...tail.model.graph.nodes];
  const initializers = new Map([...tail.model.graph.initializers, ['v', floats([width, hidden], first)] as const]);
  return {
    ...tail,
    model: { ...tail.model, graph: { ...tail.model.graph, nodes, initializers, inputs: [value('x', ['batch', width])] } },
    input: 'x',
    parameters: [{ name: 'v', dims: [width, hidden], role: 'weight', layer: 0 }, ...tail.parameters.map((p) => ({ ...p, layer: 1 }))],
  };
}

/** Solves a·x = b for a dense matrix by Gaussian elimination with pivoting, in double precision. */
export function solveDense(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number[][] {
  const size = a.length;
  const rows = a.map((row, at) => [...row, ...(b[at] as readonly number[])]);
  for (let column = 0; column < size; column += 1) {
    let pivot = column;
    for (let row = column; row < size; row += 1) if (Math.abs(rows[row]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = row;
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    for (let row = 0; row < size; row += 1) {
      if (row === column) continue;
      const factor = rows[row]![column]! / rows[column]![column]!;
      if (factor !== 0) for (let at = column; at < rows[row]!.length; at += 1) rows[row]![at]! -= factor * rows[column]![at]!;
    }
  }
  return rows.map((row, at) => row.slice(size).map((entry) => entry / row[at]!));
}

/** Ridge regression by its definition: minimises Σ w (y − hW − b)² + λ‖W‖², bias free. Returns [width + 1][columns], the bias last. */
export function directRidge(
  set: { readonly features: Float32Array; readonly width: number; readonly weights?: Float32Array },
  rows: readonly number[],
  targets: Float32Array,
  columns: number,
  lambda: number,
  intercept = true,
): number[][] {
  const { width, features } = set;
  const size = intercept ? width + 1 : width;
  const gram = Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => (i === j && i < width ? lambda : 0)));
  const moment = Array.from({ length: size }, () => new Array<number>(columns).fill(0));
  for (const row of rows) {
    const h = [...features.subarray(row * width, (row + 1) * width), ...(intercept ? [1] : [])];
    const weight = set.weights?.[row] ?? 1;
    for (let i = 0; i < size; i += 1) {
      for (let j = 0; j < size; j += 1) gram[i]![j]! += weight * h[i]! * h[j]!;
      for (let k = 0; k < columns; k += 1) moment[i]![k]! += weight * h[i]! * targets[row * columns + k]!;
    }
  }
  const solved = solveDense(gram, moment);
  return intercept ? solved : [...solved, new Array<number>(columns).fill(0)];
}

/** Mean over weighted rows of the squared distance from their mean: the unit of λ. */
export function meanSquaredDistance(set: FeatureSet, intercept = true): number {
  const { width, count, features, weights } = set;
  const total = Array.from({ length: count }, (_, row) => weights?.[row] ?? 1).reduce((a, b) => a + b, 0);
  let spread = 0;
  for (let at = 0; at < width; at += 1) {
    let first = 0;
    let second = 0;
    for (let row = 0; row < count; row += 1) {
      first += (weights?.[row] ?? 1) * features[row * width + at]!;
      second += (weights?.[row] ?? 1) * features[row * width + at]! ** 2;
    }
    spread += second / total - (intercept ? (first / total) ** 2 : 0);
  }
  return spread;
}
