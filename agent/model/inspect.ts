// What a model is, where it would be cut, and whether the cut is exact. Takes a path and options, gives a report.

import { WhetError } from '../errors.ts';
import { type CutWish, classifierEnds, findCut } from '../onnx/cut.ts';
import { type Dim, opsetOf, sizeOf, type Tensor, type ValueInfo } from '../onnx/ir.ts';
import { detectQuantization, type Quantization } from '../onnx/layers.ts';
import type { Progress } from '../types.ts';
import { loadModel } from './load.ts';
import { type Proof, prove } from './proof.ts';

export interface InspectReport {
  readonly model: {
    readonly file: string;
    readonly sha256: string;
    readonly opset: number;
    readonly quantization: Quantization;
    readonly inputs: readonly ValueInfo[];
    readonly outputs: readonly ValueInfo[];
    readonly classes: number | null;
  };
  readonly cut: { readonly tensor: string; readonly shape: readonly number[]; readonly features: number; readonly note: string | null };
  readonly tail: {
    readonly layers: readonly { readonly op: string; readonly node: string; readonly weights: readonly string[] }[];
    readonly parameters: number;
  };
  readonly proof: Proof;
}

export interface InspectOptions {
  readonly cut: CutWish;
  readonly samples: number;
  readonly threads: number;
  readonly progress?: Progress;
}

export async function inspect(path: string, options: InspectOptions): Promise<InspectReport> {
  const { model, sha256 } = loadModel(path);
  const { input, output } = classifierEnds(model);
  const cut = findCut(model, options.cut);
  const inputs = randomInputs(input, options.samples);
  const { proof, tail, shape } = await prove(model, cut, inputs, options.threads, options.progress);
  const classes = output.shape?.at(-1);
  return {
    model: {
      file: path,
      sha256,
      opset: opsetOf(model),
      quantization: detectQuantization(model),
      inputs: model.graph.inputs,
      outputs: model.graph.outputs,
      classes: typeof classes === 'number' ? classes : (tail.head?.classes ?? null),
    },
    cut: { tensor: cut.tensor, shape, features: sizeOf(shape.slice(1)), note: cut.note },
    tail: {
      layers: cut.layers.map(({ node, weights }) => ({ op: node.op, node: node.name || (node.outputs[0] ?? ''), weights })),
      parameters: tail.parameters.reduce((sum, parameter) => sum + sizeOf(parameter.dims), 0),
    },
    proof,
  };
}

/** Seeded noise of the input's shape, batch 1, in the range that normalised pictures have. */
function randomInputs(input: ValueInfo, count: number): readonly Tensor[] {
  const dims = (input.shape ?? []).map((dim: Dim, axis) => (axis === 0 ? 1 : dim));
  if (dims.length === 0 || !dims.every((dim): dim is number => typeof dim === 'number')) {
    throw new WhetError(
      'model-unsupported',
      `input '${input.name}' has the shape [${(input.shape ?? ['?']).map((dim) => dim ?? '?')}]: only the batch may be free`,
      {
        hint: 'Export the model with a fixed height and width.',
      },
    );
  }
  let state = 1;
  const noise = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state / 2 ** 32) * 4 - 2;
  };
  return Array.from({ length: count }, () => ({
    dtype: 'float32' as const,
    dims,
    data: Float32Array.from({ length: sizeOf(dims) }, noise),
  }));
}
