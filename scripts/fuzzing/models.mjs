// Model files as bytes and as graphs, and the weights that other devices send.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireBounded } from '../../agent/model/bounds.ts';
import { sampleShape } from '../../agent/model/input.ts';
import { inspect } from '../../agent/model/inspect.ts';
import { loadModel } from '../../agent/model/load.ts';
import { decodeModel } from '../../agent/onnx/codec/decode.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { decodeSafeTensors, encodeSafeTensors } from '../../agent/onnx/codec/safetensors.ts';
import { applyDelta, decodeDelta, encodeDelta, tailDelta } from '../../agent/onnx/forms/delta.ts';
import { dequantizeTail } from '../../agent/onnx/forms/dequantize.ts';
import { floats, graph, ints, model, node, value } from '../../agent/onnx/made/build.ts';
import { classifierEnds } from '../../agent/onnx/surgery/classifier-ends.ts';
import { findCut } from '../../agent/onnx/surgery/cut.ts';
import { splitModel } from '../../agent/onnx/surgery/split.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { mutateBytes, oddTexts } from './mutate.mjs';

const fill = (dims, step = 0.37) =>
  floats(
    dims,
    Array.from({ length: dims.reduce((all, dim) => all * dim, 1) }, (_, at) => Math.sin(at * step)),
  );

/** x → Conv → Relu → mean → Reshape → Gemm → Relu → MatMul → Softmax: a bit of everything. */
function classifier() {
  return model(
    graph('small', {
      inputs: [value('x', ['n', 3, 8, 8])],
      outputs: [value('y', ['n', 4])],
      nodes: [
        node('Conv', ['x', 'w1', 'b1'], ['c'], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
        node('Relu', ['c'], ['r']),
        node('GlobalAveragePool', ['r'], ['p']),
        node('Reshape', ['p', 'shape'], ['f']),
        node('Gemm', ['f', 'w2', 'b2'], ['g'], { transB: 1 }),
        node('Relu', ['g'], ['h']),
        node('MatMul', ['h', 'w3'], ['m']),
        node('Add', ['m', 'b3'], ['l']),
        node('Softmax', ['l'], ['y'], { axis: 1 }),
      ],
      initializers: Object.entries({
        ...{ w1: fill([5, 3, 3, 3]), b1: fill([5]), shape: ints([-1, 5]), w2: fill([6, 5]), b2: fill([6]) },
        ...{ w3: fill([6, 4], 0.71), b3: fill([4]) },
      }),
    }),
  );
}

const operators = [
  ...[
    'Identity',
    'Add',
    'Mul',
    'Concat',
    'Reshape',
    'Transpose',
    'ConstantOfShape',
    'Expand',
    'Tile',
    'Resize',
    'Slice',
    'Gather',
    'Range',
  ],
  ...['Loop', 'If', 'Scan', 'QuantizeLinear', 'DequantizeLinear', 'MatMulInteger', 'QLinearConv', 'DynamicQuantizeLinear', 'LSTM', 'Cast'],
  ...['constructor', '__proto__', 'NoSuchOperator', 'Pad', 'TopK', 'OneHot', 'Einsum', 'RandomNormal', 'Softmax', 'BatchNormalization'],
];
const sizes = [-1, 0, 1, 2, 3, 7, 64, 65_536, 2 ** 31, 2 ** 40];

/** A few wrong nodes, names, attributes, sizes. */
function mutateModel(dice, good) {
  const nodes = good.graph.nodes.map((each) => ({ ...each, attributes: { ...each.attributes } }));
  const initializers = new Map(good.graph.initializers);
  let [inputs, outputs] = [good.graph.inputs, good.graph.outputs];
  const names = [...nodes.flatMap((each) => [...each.inputs, ...each.outputs]), ...oddTexts.slice(0, 40)];
  for (let changes = 1 + dice.whole(3); changes > 0; changes -= 1) {
    const at = dice.whole(nodes.length);
    const renamed = (list) => list.map((name) => (dice.chance(0.4) ? dice.pick(names) : name));
    const kind = dice.whole(9);
    if (kind === 0) nodes[at] = { ...nodes[at], op: dice.pick(operators) };
    else if (kind === 1) nodes[at] = { ...nodes[at], inputs: renamed(nodes[at].inputs) };
    else if (kind === 2) nodes[at] = { ...nodes[at], outputs: renamed(nodes[at].outputs) };
    else if (kind === 3) nodes.splice(at, 1, ...(dice.chance(0.5) ? [nodes[at], nodes[at]] : []));
    else if (kind === 4)
      nodes[at].attributes[dice.pick(['axis', 'pads', 'kernel_shape', 'to', 'axes', ...oddTexts.slice(26, 30)])] = oddAttribute(dice);
    else if (kind === 5) {
      const [name, tensor] = dice.pick([...initializers]);
      initializers.set(dice.chance(0.3) ? dice.pick(names) : name, resized(dice, tensor));
    } else if (kind === 6)
      inputs = inputs.map((info) => ({ ...info, shape: info.shape?.map((dim) => (dice.chance(0.4) ? dice.pick(sizes) : dim)) ?? null }));
    else if (kind === 7)
      outputs = outputs.map((info) => ({ ...info, name: dice.pick(names), shape: dice.chance(0.5) ? null : info.shape }));
    else nodes.splice(at, 0, node(dice.pick(operators), [dice.pick(names), dice.pick(names)], [dice.pick(names)]));
    if (nodes.length === 0) break;
  }
  return { ...good, graph: { ...good.graph, nodes, initializers, inputs, outputs } };
}

function oddAttribute(dice) {
  const kinds = ['int', 'float', 'string', 'ints'];
  const kind = dice.pick(kinds);
  if (kind === 'string') return { kind, value: dice.pick(oddTexts) };
  return { kind, value: kind === 'ints' ? Array.from({ length: dice.whole(5) }, () => dice.pick(sizes)) : dice.pick(sizes) };
}

/** Values of another shape, or other values: shapes as data are what bombs are made of. */
function resized(dice, tensor) {
  if (tensor.dtype === 'int64') return ints(Array.from({ length: 1 + dice.whole(4) }, () => dice.pick(sizes)));
  return fill(tensor.dims.map((dim) => (dice.chance(0.3) ? dice.pick([0, 1, 2, 5, 9]) : dim)));
}

const cut = { kind: 'layers', layers: 2 };

export const doors = {
  async 'model-bytes'() {
    const good = encodeModel(classifier());
    return {
      make: (dice) => mutateBytes(dice, good),
      async run(bytes) {
        const read = decodeModel(new Uint8Array(bytes));
        const { input } = classifierEnds(read);
        requireBounded(read, input, sampleShape(input, [1, 3, 8, 8]));
        const split = splitModel(read, findCut(read, cut));
        dequantizeTail(split.tail, split.values);
        encodeModel(split.backbone);
      },
    };
  },
  async 'model-structure'(folder) {
    const good = classifier();
    const path = join(folder, 'structure.onnx');
    const runtime = createRuntime({ threads: 1 });
    return {
      make: (dice) => Buffer.from(encodeModel(mutateModel(dice, good))),
      async run(bytes) {
        writeFileSync(path, bytes);
        await inspect(path, { cut, samples: 2, inputShape: [1, 3, 8, 8], runtime });
        loadModel(path);
      },
    };
  },
  async safetensors() {
    const good = encodeSafeTensors({
      metadata: { format: 'test' },
      tensors: new Map([
        ['w', fill([3, 4])],
        ['b', ints([1, 2, 3])],
      ]),
    });
    return { make: (dice) => mutateBytes(dice, good), run: async (bytes) => void decodeSafeTensors(new Uint8Array(bytes)) };
  },
  async delta() {
    const base = classifier();
    const changed = { ...base, graph: { ...base.graph, initializers: new Map([...base.graph.initializers, ['w3', fill([6, 4], 0.9)]]) } };
    const good = encodeDelta(tailDelta(base, changed), { note: 'test' });
    return { make: (dice) => mutateBytes(dice, good), run: async (bytes) => void applyDelta(base, decodeDelta(new Uint8Array(bytes))) };
  },
};
