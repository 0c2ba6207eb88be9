// Preconditioning: training sees features of mean 0 and spread 1, the first linear layer takes the difference into its weights, and gives it
// back afterwards. Tails that do not begin with a linear layer (behind reshapes) are left as they are.
import { floatAttribute, intAttribute } from '../../onnx/attributes.ts';
import type { Node, Tensor } from '../../onnx/ir.ts';
import { is } from '../../onnx/operator-traits.ts';
import type { FloatTail } from '../../onnx/surgery/tail.ts';
import { type GraphView, view } from '../../onnx/view.ts';
import type { Rows } from '../ridge/gather.ts';

export type Weights = ReadonlyMap<string, Tensor>;

export interface Scaling {
  readonly features: Float32Array;
  /** Weights that do on scaled features what the given ones do on raw features, and the way back. */
  scale(weights: Weights): Weights;
  unscale(weights: Weights): Weights;
  readonly isScaled: boolean;
  /** The weight that is in other units while it is trained; null where none is. */
  readonly weight: string | null;
}

/** The first linear layer, where features enter it flat and unchanged. */
interface Entry {
  readonly weight: string;
  /** 'in-out': [width, out]; 'out-in': [out, width]. */
  readonly layout: 'in-out' | 'out-in';
  /** null: none, so features can be scaled but not centred. */
  readonly bias: string | null;
  /** α/β of a Gemm: what of the weights' product one unit of bias stands for. */
  readonly biasFactor: number;
}

/** Samples that the average spread counts as, against a feature's own: a spread seen on few samples is not to be trusted. */
const priorSamples = 10;

export function scalingOf(tail: FloatTail, rows: Rows): Scaling {
  const entry = entryOf(tail, rows.width);
  if (entry === null) {
    return { features: rows.features, scale: (weights) => weights, unscale: (weights) => weights, isScaled: false, weight: null };
  }
  const { mean, spread } = momentsOf(rows, entry.bias !== null);
  const features = new Float32Array(rows.count * rows.width);
  for (let at = 0; at < features.length; at += 1) {
    const column = at % rows.width;
    features[at] = ((rows.features[at] as number) - (mean[column] as number)) / (spread[column] as number);
  }
  const inverse = spread.map((value) => 1 / value);
  return {
    features,
    scale: (weights) => moved(weights, entry, spread, mean, 'in'),
    unscale: (weights) => moved(weights, entry, inverse, mean, 'out'),
    isScaled: true,
    weight: entry.weight,
  };
}

/** x·W + b = x̂·(σW) + (b + μ·W): into scaled features W is multiplied by σ and b takes up μ·W; out of them the reverse. */
function moved(weights: Weights, entry: Entry, factor: Float32Array, mean: Float32Array, way: 'in' | 'out'): Weights {
  const weight = weights.get(entry.weight) as Tensor;
  const old = weight.data as Float32Array;
  const width = factor.length;
  const outputs = old.length / width;
  const at = (input: number, output: number) => (entry.layout === 'in-out' ? input * outputs + output : output * width + input);
  const data = new Float32Array(old.length);
  const shift = new Float64Array(outputs);
  for (let input = 0; input < width; input += 1) {
    for (let output = 0; output < outputs; output += 1) {
      const index = at(input, output);
      const value = (old[index] as number) * (factor[input] as number);
      data[index] = value;
      // μ·W is taken with the raw weights in both directions.
      shift[output] = (shift[output] as number) + (mean[input] as number) * (way === 'in' ? (old[index] as number) : value);
    }
  }
  const next = new Map(weights).set(entry.weight, { ...weight, data });
  if (entry.bias === null) return next;
  const bias = weights.get(entry.bias) as Tensor;
  const sign = way === 'in' ? entry.biasFactor : -entry.biasFactor;
  const values = bias.data as Float32Array;
  return next.set(entry.bias, { ...bias, data: values.map((value, output) => value + sign * (shift[output] as number)) });
}

function momentsOf({ features, count, width }: Rows, centred: boolean): { readonly mean: Float32Array; readonly spread: Float32Array } {
  const sum = new Float64Array(width);
  for (let at = 0; at < count * width; at += 1) sum[at % width] = (sum[at % width] as number) + (features[at] as number);
  const mean = Float32Array.from(sum, (value) => (centred ? value / count : 0));
  const square = new Float64Array(width);
  for (let at = 0; at < count * width; at += 1) {
    const away = (features[at] as number) - (mean[at % width] as number);
    square[at % width] = (square[at % width] as number) + away * away;
  }
  const average = square.reduce((total, value) => total + value, 0) / (count * width);
  const spread = Float32Array.from(square, (value) => Math.sqrt((value + priorSamples * average) / (count + priorSamples)) || 1);
  return { mean, spread };
}

function entryOf(tail: FloatTail, width: number): Entry | null {
  const seen = view(tail.model.graph);
  const only = (name: string): Node | null => {
    const nodes = seen.readers(name);
    return nodes.length === 1 ? (nodes[0] as Node) : null;
  };
  let name = tail.input;
  let node = only(name);
  while (node !== null && node.domain === '' && is(node, 'view') && node.inputs[0] === name) {
    name = node.outputs[0] as string;
    node = only(name);
  }
  if (node === null || node.domain !== '' || node.inputs[0] !== name) return null;
  const weight = owned(tail, seen, node.inputs[1] ?? '');
  if (weight === null || weight.dims.length !== 2) return null;
  if (node.op === 'Gemm' && intAttribute(node, 'transA', 0) === 0) {
    const layout = intAttribute(node, 'transB', 0) === 0 ? 'in-out' : 'out-in';
    const bias = owned(tail, seen, node.inputs[2] ?? '');
    const beta = floatAttribute(node, 'beta', 1);
    const fits = weight.dims[layout === 'in-out' ? 0 : 1] === width;
    const usable = bias !== null && beta !== 0 && bias.size === weight.size / width;
    return fits
      ? { weight: weight.name, layout, bias: usable ? bias.name : null, biasFactor: floatAttribute(node, 'alpha', 1) / beta }
      : null;
  }
  if (node.op !== 'MatMul' || weight.dims[0] !== width) return null;
  const next = only(node.outputs[0] as string);
  const other = next?.op === 'Add' ? next.inputs.find((input) => input !== node.outputs[0]) : undefined;
  const bias = owned(tail, seen, other ?? '');
  const usable = bias !== null && bias.size === weight.size / width;
  return { weight: weight.name, layout: 'in-out', bias: usable ? bias.name : null, biasFactor: 1 };
}

/** A parameter that this one node alone uses. */
function owned(tail: FloatTail, seen: GraphView, name: string) {
  const parameter = tail.parameters.find((each) => each.name === name);
  if (parameter === undefined || seen.readers(name).length !== 1) return null;
  return { name, dims: parameter.dims, size: parameter.dims.reduce((product, dim) => product * dim, 1) };
}
