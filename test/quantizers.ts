// Turns the small float classifiers of `models.ts` into every quantized form, as the usual quantizers do: calibrated on real runs, Relu folded
// into the quantizer behind it (static forms), int32 biases. For tests only; the runtime is the judge of what comes out.

import { encodeModel } from '../agent/onnx/codec/encode.ts';
import { asymmetricScale, quantizeTensor, symmetricScales } from '../agent/onnx/forms/quantized-values.ts';
import type { DType, Graph, Model, Node, Tensor } from '../agent/onnx/ir.ts';
import { node, value } from '../agent/onnx/made/build.ts';
import { openSession } from '../agent/runtime/session.ts';

export interface QuantizerWish {
  readonly form: 'qdq' | 'qoperator' | 'dynamic';
  readonly perChannel: boolean;
  readonly activations?: 'uint8' | 'int8';
  readonly weights?: 'int8' | 'uint8';
  /** Weights stay float in the file, behind a QuantizeLinear (QDQ only), as quantization-aware training exports them. */
  readonly fake?: boolean;
}

type Ranges = ReadonlyMap<string, { readonly min: number; readonly max: number }>;

/** Least and largest value of every tensor over the inputs. */
export async function calibrate(model: Model, inputs: readonly Tensor[]): Promise<Ranges> {
  const names = model.graph.nodes.flatMap((step) => step.outputs);
  const outputs = names.map((name) => value(name, null));
  await using session = await openSession(encodeModel({ ...model, graph: { ...model.graph, outputs } }), { label: 'calibration' });
  const ranges = new Map<string, { min: number; max: number }>();
  for (const x of inputs) {
    const values = { ...(await session.run({ x })), x };
    for (const [name, tensor] of Object.entries(values)) {
      const data = tensor.data as Float32Array;
      const old = ranges.get(name) ?? { min: 0, max: 0 };
      ranges.set(name, { min: Math.min(old.min, ...data), max: Math.max(old.max, ...data) });
    }
  }
  return ranges;
}

export async function quantize(float: Model, wish: QuantizerWish, inputs: readonly Tensor[]): Promise<Model> {
  const ranges = await calibrate(float, inputs);
  const source = wish.form === 'dynamic' ? float.graph : foldRelu(float.graph);
  const work = new Quantizer(source, wish, ranges);
  const nodes = { qdq: () => work.qdq(), qoperator: () => work.qoperator(), dynamic: () => work.dynamic() }[wish.form]();
  const opsets = new Map(float.opsets);
  if (wish.form === 'qoperator') opsets.set('com.microsoft', 1);
  const used = new Set(nodes.flatMap((step) => step.inputs));
  const initializers = new Map([...source.initializers, ...work.initializers].filter(([name]) => used.has(name)));
  return { ...float, opsets, graph: { ...source, nodes, initializers } };
}

/** Relu behind Conv, Gemm or Add goes into the scale of their output. */
function foldRelu(graph: Graph): Graph {
  const folded = new Map(graph.nodes.filter((step) => step.op === 'Relu').map((step) => [step.inputs[0], step.outputs[0] as string]));
  const nodes = graph.nodes
    .filter((step) => step.op !== 'Relu')
    .map((step) => ({ ...step, outputs: step.outputs.map((name) => folded.get(name) ?? name) }));
  return { ...graph, nodes };
}

class Quantizer {
  readonly initializers = new Map<string, Tensor>();
  readonly #graph: Graph;
  readonly #wish: QuantizerWish;
  readonly #ranges: Ranges;
  readonly #nodes: Node[] = [];
  readonly #done = new Set<string>();

  constructor(graph: Graph, wish: QuantizerWish, ranges: Ranges) {
    this.#graph = graph;
    this.#wish = wish;
    this.#ranges = ranges;
  }

  /** Scale and zero point of an activation. A Reshape passes quantized values on, so it has the scale of what it got. */
  #scale(tensor: string): readonly [string, string] {
    const producer = this.#graph.nodes.find((step) => step.outputs.includes(tensor));
    if (producer?.op === 'Reshape') return this.#scale(producer.inputs[0] as string);
    const range = this.#ranges.get(tensor) ?? { min: 0, max: 1 };
    const dtype = this.#wish.activations ?? 'uint8';
    const { scale, zeroPoint } = asymmetricScale(range.min, range.max, dtype);
    return this.#constants(tensor, [scale], dtype, zeroPoint, []);
  }

  #constants(name: string, scales: ArrayLike<number>, dtype: DType, zero: number, dims: readonly number[]): readonly [string, string] {
    this.initializers.set(`${name}_scale`, { dtype: 'float32', dims, data: Float32Array.from(scales) });
    const zeros = quantizeTensor({ dtype: 'float32', dims, data: new Float32Array(scales.length) }, [1], zero, dtype, 0);
    this.initializers.set(`${name}_zero_point`, zeros);
    return [`${name}_scale`, `${name}_zero_point`];
  }

  /** Stores an integer weight; gives its name, scale and zero point. `axis` is that of the output channels, null for one scale in any case. */
  #weight(
    name: string,
    tensor: Tensor,
    axis: number | null,
    type?: 'uint8' | 'int8',
  ): { readonly q: string; readonly scale: string; readonly zero: string } {
    const dtype = type ?? this.#wish.weights ?? 'int8';
    const zero = dtype === 'int8' ? 0 : 128;
    const scales = symmetricScales(tensor, this.#wish.perChannel ? axis : null, 127);
    this.initializers.set(`${name}_quantized`, quantizeTensor(tensor, scales, zero, dtype, axis ?? 0));
    const [scale, zeroPoint] = this.#constants(name, scales, dtype, zero, scales.length > 1 ? [scales.length] : []);
    return { q: `${name}_quantized`, scale, zero: zeroPoint };
  }

  #bias(name: string, input: string, weight: string): string {
    const xs = this.#numbers(this.#scale(input)[0])[0] as number;
    const product = this.#numbers(`${weight}_scale`).map((scale) => Math.fround(scale * xs));
    this.initializers.set(`${name}_quantized`, quantizeTensor(this.#graph.initializers.get(name) as Tensor, product, 0, 'int32', 0));
    this.#constants(name, product, 'int32', 0, product.length > 1 ? [product.length] : []);
    return `${name}_quantized`;
  }

  #numbers(name: string): Float32Array {
    return (this.initializers.get(name) as Tensor).data as Float32Array;
  }

  /** Axis of the output channels in the stored weight. */
  #axis(step: Node): number {
    return step.op === 'MatMul' || (step.op === 'Gemm' && step.attributes.transB === undefined) ? 1 : 0;
  }

  #emit(...nodes: readonly Node[]): void {
    this.#nodes.push(...nodes);
  }

  #isConstant(name: string): boolean {
    return this.#graph.initializers.has(name);
  }

  // QDQ: every activation goes through QuantizeLinear and DequantizeLinear, every weight through DequantizeLinear.
  qdq(): readonly Node[] {
    const [output = ''] = this.#graph.outputs.map(({ name }) => name);
    for (const step of this.#graph.nodes) {
      const inputs = step.inputs.map((name, index) => {
        if (!this.#isConstant(name)) return this.#throughQdq(name);
        if (this.#graph.initializers.get(name)?.dtype !== 'float32') return name;
        if (step.op === 'Add') return name;
        return index === 2 ? this.#qdqBias(step, name) : this.#qdqWeight(step, name);
      });
      const isLast = step.outputs[0] === output;
      this.#emit({ ...step, inputs, outputs: isLast ? [`${output}_float`] : step.outputs });
      if (!isLast) continue;
      const [scale, zero] = this.#scale(output);
      this.#emit(
        node('QuantizeLinear', [`${output}_float`, scale, zero], [`${output}_q`]),
        node('DequantizeLinear', [`${output}_q`, scale, zero], [output]),
      );
    }
    return this.#nodes;
  }

  #throughQdq(name: string): string {
    if (!this.#done.has(name)) {
      this.#done.add(name);
      const [scale, zero] = this.#scale(name);
      this.#emit(
        node('QuantizeLinear', [name, scale, zero], [`${name}_q`]),
        node('DequantizeLinear', [`${name}_q`, scale, zero], [`${name}_dq`]),
      );
    }
    return `${name}_dq`;
  }

  #qdqWeight(step: Node, name: string): string {
    const axis = this.#axis(step);
    const { q, scale, zero } = this.#weight(name, this.#graph.initializers.get(name) as Tensor, axis);
    const attributes: Readonly<Record<string, number>> = this.#wish.perChannel ? { axis } : {};
    const stored = this.#wish.fake === true ? `${name}_q` : q;
    if (this.#wish.fake === true) this.#emit(node('QuantizeLinear', [name, scale, zero], [stored], attributes));
    this.#emit(node('DequantizeLinear', [stored, scale, zero], [`${name}_dq`], attributes));
    return `${name}_dq`;
  }

  #qdqBias(step: Node, name: string): string {
    const q = this.#bias(name, step.inputs[0] as string, step.inputs[1] as string);
    const attributes: Readonly<Record<string, number>> = this.#wish.perChannel ? { axis: 0 } : {};
    this.#emit(node('DequantizeLinear', [q, `${name}_scale`, `${name}_zero_point`], [`${name}_dq`], attributes));
    return `${name}_dq`;
  }

  // QOperator: tensors between the operators are 8-bit.
  qoperator(): readonly Node[] {
    const [output = ''] = this.#graph.outputs.map(({ name }) => name);
    this.#emit(node('QuantizeLinear', ['x', ...this.#scale('x')], ['x_q']));
    for (const step of this.#graph.nodes) this.#qoperatorStep(step);
    if (this.#nodes.at(-1)?.outputs[0] !== output) this.#emit(node('DequantizeLinear', [`${output}_q`, ...this.#scale(output)], [output]));
    return this.#nodes;
  }

  #qoperatorStep(step: Node): void {
    const [x = '', w = '', b = ''] = step.inputs;
    const [y = ''] = step.outputs;
    const out = this.#scale(y);
    const quantized = (name: string): readonly string[] => {
      if (!this.#isConstant(name)) return [`${name}_q`, ...this.#scale(name)];
      const { q, scale, zero } = this.#weight(name, this.#graph.initializers.get(name) as Tensor, null, this.#wish.activations ?? 'uint8');
      return [q, scale, zero];
    };
    const weight = () => {
      const stored = this.#weight(w, this.#graph.initializers.get(w) as Tensor, this.#axis(step));
      return [stored.q, stored.scale, stored.zero];
    };
    const ms = { domain: 'com.microsoft', name: step.name };
    if (step.op === 'Conv')
      this.#emit(
        node('QLinearConv', [...quantized(x), ...weight(), ...out, this.#bias(b, x, w)], [`${y}_q`], step.attributes, { name: step.name }),
      );
    else if (step.op === 'Gemm') {
      const inputs = [...quantized(x), ...weight(), this.#bias(b, x, w), ...out];
      this.#emit(node('QGemm', inputs, [`${y}_q`], { ...step.attributes, alpha: { kind: 'float', value: 1 } }, ms));
    } else if (step.op === 'MatMul')
      this.#emit(node('QLinearMatMul', [...quantized(x), ...weight(), ...out], [`${y}_q`], {}, { name: step.name }));
    else if (step.op === 'Add') this.#emit(node('QLinearAdd', [...quantized(x), ...quantized(w), ...out], [`${y}_q`], {}, ms));
    else if (step.op === 'GlobalAveragePool')
      this.#emit(node('QLinearGlobalAveragePool', [...quantized(x), ...out], [`${y}_q`], { channels_last: 0 }, ms));
    else if (step.op === 'Reshape') this.#emit({ ...step, inputs: [`${x}_q`, w], outputs: [`${y}_q`] });
    else this.#emit(node('DequantizeLinear', quantized(x), [x]), step);
  }

  // Dynamic: activations are quantized as they come, products are scaled back to float.
  dynamic(): readonly Node[] {
    for (const step of this.#graph.nodes) {
      if (step.op === 'Conv' || step.op === 'MatMul' || step.op === 'Gemm') this.#dynamicLayer(step);
      else this.#emit(step);
    }
    return this.#nodes;
  }

  #dynamicLayer(step: Node): void {
    const [x = '', w = '', b = ''] = step.inputs;
    const [y = ''] = step.outputs;
    const isConv = step.op === 'Conv';
    const stored = this.#graph.initializers.get(w) as Tensor;
    const tensor = step.op === 'Gemm' && step.attributes.transB !== undefined ? transposed(stored) : stored;
    const { q, scale, zero } = this.#weight(w, tensor, isConv ? 0 : 1);
    // The runtime's integer operators take one zero point; a Conv's row of scales must stand on the channel axis.
    const zeros = this.initializers.get(zero) as Tensor;
    this.initializers.set(zero, { ...zeros, dims: [], data: (zeros.data as Int8Array).slice(0, 1) });
    const scales = this.initializers.get(scale) as Tensor;
    if (isConv && scales.dims.length === 1) this.initializers.set(scale, { ...scales, dims: [1, scales.data.length, 1, 1] });
    const result = b === '' ? y : `${y}_product`;
    this.#emit(
      node('DynamicQuantizeLinear', [x], [`${y}_xq`, `${y}_xs`, `${y}_xz`]),
      node(isConv ? 'ConvInteger' : 'MatMulInteger', [`${y}_xq`, q, `${y}_xz`, zero], [`${y}_int`], isConv ? step.attributes : {}, {
        name: step.name,
      }),
      node('Cast', [`${y}_int`], [`${y}_cast`], { to: 1 }),
      node('Mul', [`${y}_xs`, scale], [`${y}_scales`]),
      node('Mul', [`${y}_cast`, `${y}_scales`], [result]),
    );
    if (b === '') return;
    const bias = this.#graph.initializers.get(b) as Tensor;
    this.initializers.set(`${b}_add`, isConv ? { ...bias, dims: [bias.data.length, 1, 1] } : bias);
    this.#emit(node('Add', [result, `${b}_add`], [y]));
  }
}

function transposed(tensor: Tensor): Tensor {
  const [rows = 0, columns = 0] = tensor.dims;
  const old = tensor.data as Float32Array;
  const data = Float32Array.from(old, (_, at) => old[(at % rows) * columns + Math.floor(at / rows)] as number);
  return { dtype: 'float32', dims: [columns, rows], data };
}
