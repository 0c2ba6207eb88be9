// A classifier to be trained from nothing, written layer by layer: shapes are worked out, weights drawn (He, normal), normalizations are in
// training mode. Gives what `compileStep` trains. Images [channels, height, width] or signals [channels, length]; refuses what does not fit.
import { attr, floats, graph, ints, model, node, value } from '../../../agent/onnx/made/build.ts';
import { randomOf } from '../../../agent/random.ts';

/**
 * `write(layers, x)` puts layers behind the input and returns the logits [n, classes]; a value is `{ name, shape }`, its shape without the
 * batch. The result is a trainable tail; `model.graph.initializers` holds the drawn weights and first statistics.
 *
 *   networkOf({ sample: [3, 32, 32], seed: 1 }, (l, x) => {
 *     x = l.relu(l.normal(l.conv(x, 16, { stride: 2 })));
 *     x = l.relu(l.normal(l.conv(l.relu(l.normal(l.depthwise(x))), 32, { kernel: 1 })));
 *     return l.linear(l.pooled(x), 10);
 *   });
 */
export function networkOf({ name = 'network', sample, input = 'input', seed }, write) {
  const layers = new Layers(randomOf(seed));
  const logits = write(layers, { name: input, shape: sample });
  if (logits.shape.length !== 1) throw new Error(`the network ends in [${logits.shape}], not in one number a class`);
  const body = graph(name, {
    inputs: [value(input, ['n', ...sample])],
    outputs: [value(logits.name, ['n', ...logits.shape])],
    nodes: layers.nodes,
    initializers: layers.initializers,
  });
  return { model: model(body), input, logits: logits.name, parameters: layers.parameters, sample, classes: logits.shape[0] };
}

class Layers {
  nodes = [];
  initializers = new Map();
  parameters = [];
  #random;
  #count = 0;

  constructor(random) {
    this.#random = random;
  }

  /** No bias unless told: a normalization behind it has one. `pad` defaults to what keeps the size at stride 1. */
  conv(x, channels, { kernel = 3, stride = 1, dilation = 1, groups = 1, bias = false, pad } = {}) {
    const axes = x.shape.slice(1).map((_, axis) => axis);
    const of = (list) => axes.map((axis) => (Array.isArray(list) ? list[axis] : list));
    const [kernels, strides, dilations] = [of(kernel), of(stride), of(dilation)];
    const pads = axes.map((axis) => (pad === undefined ? Math.floor(((kernels[axis] - 1) * dilations[axis]) / 2) : of(pad)[axis]));
    const layer = this.#layer('conv');
    const fanIn = (x.shape[0] / groups) * product(kernels);
    if (!Number.isInteger(fanIn)) throw new Error(`${x.shape[0]} channels do not come in ${groups} groups`);
    const w = this.#drawn(`${layer}.weight`, [channels, x.shape[0] / groups, ...kernels], fanIn);
    const inputs = bias ? [x.name, w, this.#parameter(`${layer}.bias`, 'bias', floats([channels], 0))] : [x.name, w];
    const size = axes.map((axis) => {
      const reach = (kernels[axis] - 1) * dilations[axis] + 1;
      return Math.floor((x.shape[axis + 1] + 2 * pads[axis] - reach) / strides[axis]) + 1;
    });
    const attributes = { kernel_shape: kernels, strides, dilations, pads: [...pads, ...pads], group: groups };
    return this.#emit('Conv', inputs, layer, [channels, ...size], attributes);
  }

  depthwise(x, options = {}) {
    return this.conv(x, x.shape[0], { ...options, groups: x.shape[0] });
  }

  /** Batch normalization in training mode; running statistics keep 0.9 of themselves in every step. */
  normal(x) {
    const layer = this.#layer('normal');
    const channels = [x.shape[0]];
    const w = this.#parameter(`${layer}.scale`, 'scale', floats(channels, 1));
    const b = this.#parameter(`${layer}.shift`, 'shift', floats(channels, 0));
    const statistic = (what, start) => {
      this.initializers.set(`${layer}.${what}`, floats(channels, start));
      return `${layer}.${what}`;
    };
    const inputs = [x.name, w, b, statistic('mean', 0), statistic('variance', 1)];
    const attributes = { epsilon: attr.float(1e-5), momentum: attr.float(0.9), training_mode: 1 };
    this.nodes.push(
      node('BatchNormalization', inputs, [layer, `${layer}.mean.next`, `${layer}.variance.next`], attributes, { name: layer }),
    );
    return { name: layer, shape: x.shape };
  }

  linear(x, outputs) {
    if (x.shape.length !== 1) throw new Error(`a linear layer takes one vector a sample, not [${x.shape}]: flatten or pool first`);
    const layer = this.#layer('linear');
    const w = this.#drawn(`${layer}.weight`, [outputs, x.shape[0]], 2 * x.shape[0]);
    const b = this.#parameter(`${layer}.bias`, 'bias', floats([outputs], 0));
    return this.#emit('Gemm', [x.name, w, b], layer, [outputs], { transB: 1 });
  }

  relu(x) {
    return this.same('Relu', x);
  }

  /** Any operator of one input that keeps the shape. */
  same(op, x, attributes = {}) {
    return this.#emit(op, [x.name], this.#layer(op.toLowerCase()), x.shape, attributes);
  }

  add(a, b) {
    if (String(a.shape) !== String(b.shape)) throw new Error(`[${a.shape}] and [${b.shape}] cannot be added`);
    return this.#emit('Add', [a.name, b.name], this.#layer('add'), a.shape);
  }

  averagePool(x, kernel, stride = kernel) {
    return this.#pool('AveragePool', x, kernel, stride);
  }

  maxPool(x, kernel, stride = kernel) {
    return this.#pool('MaxPool', x, kernel, stride);
  }

  /** The mean over space: one number a channel. */
  pooled(x) {
    return this.flat(this.#emit('GlobalAveragePool', [x.name], this.#layer('pooled'), [x.shape[0], ...x.shape.slice(1).map(() => 1)]));
  }

  flat(x) {
    return this.#emit('Flatten', [x.name], this.#layer('flat'), [product(x.shape)], { axis: 1 });
  }

  reshaped(x, shape) {
    const layer = this.#layer('reshaped');
    this.initializers.set(`${layer}.shape`, ints([0, ...shape]));
    return this.#emit('Reshape', [x.name, `${layer}.shape`], layer, shape);
  }

  #pool(op, x, kernel, stride) {
    const of = (size) => (Array.isArray(size) ? size : x.shape.slice(1).map(() => size));
    const [kernels, strides] = [of(kernel), of(stride)];
    const size = kernels.map((length, axis) => Math.floor((x.shape[axis + 1] - length) / strides[axis]) + 1);
    return this.#emit(op, [x.name], this.#layer('pool'), [x.shape[0], ...size], { kernel_shape: kernels, strides });
  }

  #layer(kind) {
    this.#count += 1;
    return `${kind}.${this.#count}`;
  }

  #emit(op, inputs, output, shape, attributes = {}) {
    this.nodes.push(node(op, inputs, [output], attributes, { name: output }));
    return { name: output, shape };
  }

  /** Normal with variance 2/fanIn (He, Zhang, Ren, Sun 2015), by Box and Muller. */
  #drawn(name, dims, fanIn) {
    const deviation = Math.sqrt(2 / fanIn);
    const one = () => Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
    return this.#parameter(
      name,
      'weight',
      floats(
        dims,
        Float32Array.from({ length: product(dims) }, () => deviation * one()),
      ),
    );
  }

  #parameter(name, role, tensor) {
    this.initializers.set(name, tensor);
    this.parameters.push({ name, dims: tensor.dims, role, layer: this.#count });
    return name;
  }
}

function product(dims) {
  return dims.reduce((all, size) => all * size, 1);
}
