// The tails of the training benchmark: what is trained, as the peer's scripts build it, with the products of a step counted. Layers in, tails
// with random weights out.
import { floats, graph, model, node, value } from '../../dist/onnx/made/build.js';

/** `target` is the share of the peer's time that is to be reached. */
export const jobs = {
  'head 1280': { title: 'linear head, 1280 features', target: 1 / 3.5, batch: 32, optimizer: 'adamw', tail: () => head(1280, 10) },
  'head 256': { title: 'linear head, 256 features', target: 1 / 7, batch: 32, optimizer: 'adamw', tail: () => head(256, 12) },
  two: { title: '1×1 conv, ReLU6, mean, linear', target: 1 / 1.5, batch: 16, optimizer: 'sgd', tail: () => images(320, twoLayers) },
  block: { title: "MobileNetV2's last block + head", target: 1 / 1.1, batch: 16, optimizer: 'sgd', tail: () => images(160, lastBlock) },
};

const twoLayers = (network) => network.conv(1280).relu6();
const lastBlock = (network) => network.conv(960).relu6().depthwise().relu6().conv(320).conv(1280).relu6();

const classes = 10;
const [height, width] = [7, 7];

function head(features, count) {
  const network = new Network([features], count);
  network.linear('x', features);
  return network.tail();
}

function images(channels, layers) {
  const network = new Network([channels, height, width], classes);
  layers(network);
  network.nodes.push(node('GlobalAveragePool', [network.now], ['mean']), node('Flatten', ['mean'], ['flat']));
  network.linear('flat', network.channels);
  return network.tail();
}

class Network {
  nodes = [];
  parameters = {};
  now = 'x';
  /** Multiplications and additions of a step for one sample. */
  operations = 0;

  constructor(sample, classes) {
    this.sample = sample;
    this.channels = sample[0];
    this.classes = classes;
  }

  weight(name, dims, inner) {
    const data = new Float32Array(dims.reduce((a, b) => a * b));
    for (let at = 0; at < data.length; at += 1) data[at] = (2 * Math.random() - 1) / Math.sqrt(inner);
    this.parameters[name] = floats(dims, data);
    return name;
  }

  /** Forward and gradient of the weights, and of what goes in where that is not the features. */
  count(products) {
    this.operations += 2 * products * (this.now === 'x' ? 2 : 3);
  }

  conv(outputs, kernel = 1, group = 1) {
    const inner = (this.channels / group) * kernel ** 2;
    const at = this.nodes.length;
    const weights = [
      this.weight(`w${at}`, [outputs, this.channels / group, kernel, kernel], inner),
      this.weight(`b${at}`, [outputs], inner),
    ];
    this.count(outputs * inner * height * width);
    const pad = (kernel - 1) / 2;
    const attributes = { kernel_shape: [kernel, kernel], pads: [pad, pad, pad, pad], group };
    this.nodes.push(node('Conv', [this.now, ...weights], [`conv${at}`], attributes));
    this.now = `conv${at}`;
    this.channels = outputs;
    return this;
  }

  depthwise() {
    return this.conv(this.channels, 3, this.channels);
  }

  relu6() {
    const name = `relu${this.nodes.length}`;
    this.nodes.push(node('Clip', [this.now, 'zero', 'six'], [name]));
    this.now = name;
    return this;
  }

  linear(input, features) {
    const weights = [this.weight('w', [this.classes, features], features), this.weight('b', [this.classes], features)];
    this.count(features * this.classes);
    this.nodes.push(node('Gemm', [input, ...weights], ['z'], { transB: 1 }));
  }

  tail() {
    const initializers = Object.entries({ ...this.parameters, zero: floats([], 0), six: floats([], 6) });
    const body = graph('tail', {
      inputs: [value('x', ['samples', ...this.sample])],
      outputs: [value('z', null)],
      nodes: this.nodes,
      initializers,
    });
    return {
      sample: this.sample,
      classes: this.classes,
      operations: this.operations,
      weights: this.parameters,
      tail: {
        model: model(body),
        input: 'x',
        logits: 'z',
        parameters: Object.entries(this.parameters).map(([name, { dims }]) => ({
          name,
          dims,
          role: dims.length === 1 ? 'bias' : 'weight',
          layer: 0,
        })),
      },
    };
  }
}
