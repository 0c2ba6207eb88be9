// Random chains of operators over images: the material of the tests of lowerings. Every chain ends in 'y'.

import type { Node } from '../../agent/onnx/ir.ts';
import { attr, floats, ints, node } from '../../agent/onnx/made/build.ts';
import { type Chain, Writer } from './chain-writer.ts';
import type { Random } from './random.ts';

const image = (r: Random) => new Writer(r);

export const chains: Readonly<Record<string, (r: Random) => Chain>> = {
  '1×1 convolutions': (r) => image(r).pointwise().activation().pointwise().activation().chain(['Conv']),

  '1×1 convolutions in groups': (r) => {
    const writer = image(r);
    const group = r.int(1, 3);
    return writer
      .pointwise(r.int(1, 2), 1)
      .pointwise(2 * group)
      .pointwise(r.int(1, 3), group)
      .activation()
      .chain();
  },

  'depthwise convolutions': (r) => image(r).pointwise().activation().depthwise(r.int(1, 2)).activation().pointwise().chain(),

  'a normalization behind a convolution': (r) => {
    const writer = image(r);
    if (r.flag()) writer.pointwise();
    else writer.depthwise(1);
    return writer.normalization().activation().chain(['BatchNormalization']);
  },

  'a normalization behind something else': (r) => image(r).pointwise().activation().normalization().chain(['BatchNormalization']),

  'a normalization whose factors are computed behind the convolution': (r) => {
    const writer = image(r).pointwise();
    const before = writer.now;
    writer.normalization();
    const last = writer.nodes.pop() as Node;
    const [, factor = '', ...rest] = last.inputs;
    const isOfImage = r.flag();
    if (isOfImage) {
      // One a channel, of the image itself: held in columns until it is read.
      delete writer.inputs[factor];
      writer.now = before;
      writer.apply('ReduceMean', [], { axes: [0, ...writer.spaceAxes()], keepdims: 0 });
    } else {
      writer.now = factor;
      writer.apply('Exp');
    }
    const computed = writer.now;
    writer.now = before;
    return writer.apply('BatchNormalization', [computed, ...rest], last.attributes).chain();
  },

  'weights that are computed of the image': (r) => {
    const writer = image(r).pointwise(2);
    const before = writer.now;
    // [batch, channels, 1, …] is a kernel of one output an image.
    const weights = writer.apply('ReduceMean', [], { axes: writer.spaceAxes(), keepdims: 1 }).now;
    writer.now = before;
    return writer.apply('Conv', [weights]).chain();
  },

  'a normalization of what others read too': (r) => {
    const writer = image(r).pointwise();
    const before = writer.now;
    return writer.normalization().apply('Add', [before]).chain();
  },

  'sums, products and other elementwise operators': (r) => {
    const writer = image(r).pointwise();
    return writer.combination(r.pick(binary)).combination(r.pick(binary)).chain(['Conv']);
  },

  'functions that are smooth between −1 and 1': (r) => {
    const writer = image(r).pointwise().apply('Sin');
    writer.apply('Mul', [writer.constant('most', floats([], 0.8))]);
    const op = r.pick(['Tan', 'Asin', 'Acos', 'Atan', 'Sinh', 'Cosh', 'Asinh', 'Atanh', 'Acosh', 'Shrink', 'Swish', 'Mod', 'CastLike']);
    if (op === 'Acosh') writer.apply('Add', [writer.constant('two', floats([], 2))]);
    if (op === 'Swish') writer.opset = 24;
    const others =
      op === 'Mod' ? [writer.constant('step', floats([], 3))] : op === 'CastLike' ? [writer.constant('like', floats([2], 0))] : [];
    return writer.apply(op, others, op === 'Mod' ? { fmod: 1 } : op === 'Shrink' ? { lambd: attr.float(0.1) } : {}).chain(['Conv']);
  },

  'steps, beside what has a gradient': (r) => {
    const writer = image(r).pointwise();
    const before = writer.now;
    const op = r.pick(['Sign', 'Floor', 'Ceil', 'Round', 'IsNaN', 'IsInf']);
    writer.apply(op);
    if (op.startsWith('Is')) writer.apply('Cast', [], { to: 1 });
    return writer.apply('Add', [before]).chain();
  },

  'a choice between values': (r) => {
    const writer = image(r).pointwise();
    const before = writer.now;
    const at = writer.constant('limit', floats([], 0.1));
    const condition = writer.apply(r.pick(['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Equal']), [at]).now;
    const other = writer.apply(r.pick(['And', 'Or', 'Xor']), [condition]).apply('Not').now;
    writer.now = other;
    return writer.apply('Where', [before, at]).chain();
  },

  'values on the grid of a quantizer': (r) => {
    // So fine that a value which rounding takes to the next step of the grid is not seen.
    const writer = image(r).pointwise();
    const scale = writer.constant('scale', floats([], 1e-6));
    return writer.apply('Snap', [scale], {}, 'whetstone').pointwise().chain(['Conv']);
  },

  'powers, roots and logarithms': (r) => {
    const writer = image(r).pointwise().apply('Abs');
    writer.apply('Add', [writer.constant('half', floats([], 0.5))]);
    const op = r.pick(['Sqrt', 'Log', 'Reciprocal', 'Pow']);
    writer.apply(op, op === 'Pow' ? [writer.constant('exponent', floats([], r.pick([2, 1.5])))] : []);
    return writer.chain();
  },

  'pools and reductions over space': (r) => {
    const writer = image(r).pointwise();
    const window = { kernel_shape: writer.ones().map(() => 2), strides: writer.ones().map(() => r.int(1, 2)) };
    const reduction = r.pick(['ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceSumSquare']);
    const axes = r.pick([writer.spaceAxes(), [writer.axes + 1]]);
    const keepdims = r.int(0, 1);
    if (reduction === 'ReduceSum') writer.apply('ReduceSum', [writer.constant('axes', ints(axes))], { keepdims });
    else if (r.flag()) writer.apply(reduction, [], { axes, keepdims });
    else writer.apply(r.pick(['AveragePool', 'MaxPool']), [], window).apply(r.pick(['GlobalAveragePool', 'GlobalMaxPool']));
    return writer.chain();
  },

  'a reduction over channels': (r) =>
    image(r)
      .pointwise()
      .apply('ReduceMean', [], { axes: [1], keepdims: 1 })
      .chain(),

  'a linear head behind a pool': (r) => {
    const writer = image(r).pointwise().activation().apply('GlobalAveragePool');
    const [channels, classes] = [writer.channels, r.int(1, 3)];
    const flat = r.int(0, 3);
    if (flat === 0) writer.apply('Flatten');
    else if (flat === 1) writer.apply('Reshape', [writer.constant('to', ints([0, -1]))]);
    else if (flat === 2) writer.apply('Squeeze', [writer.constant('axes', ints(writer.spaceAxes()))]);
    else
      writer
        .apply('Flatten')
        .apply('Unsqueeze', [writer.constant('axes', ints([2]))])
        .apply('Flatten');
    const form = r.int(0, 2);
    if (form === 0) return writer.apply('MatMul', [writer.input('head', [channels, classes])]).chain();
    const transB = form - 1;
    const head = writer.input('head', transB === 1 ? [classes, channels] : [channels, classes]);
    return writer
      .apply('Gemm', [head, writer.input('bias', [classes])], { transB })
      .apply('LogSoftmax')
      .chain();
  },

  'channels joined and cut': (r) => {
    const writer = image(r).pointwise();
    const first = writer.now;
    const sizes = [writer.channels, 0];
    const second = writer.pointwise().now;
    sizes[1] = writer.channels;
    writer.now = first;
    writer.apply('Concat', [second], { axis: 1 });
    const parts = ['left', 'right'];
    writer.nodes.push(node('Split', [writer.now, writer.constant('sizes', ints(sizes))], parts, { axis: 1 }));
    writer.now = r.pick(parts);
    return writer.activation().chain();
  },

  'what has no lowering between what has': (r) => {
    const writer = image(r).pointwise().activation();
    writer.apply('Softmax', [], { axis: 1 });
    return writer
      .pointwise()
      .apply('Transpose', [], { perm: [...writer.spaceAxes(), 0, 1] })
      .chain();
  },

  'the space made into channels': (r) => image(r).pointwise().activation().apply('Flatten').chain(),
};

const binary = ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Sum', 'Mean', 'PRelu'];
