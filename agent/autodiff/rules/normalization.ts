// Gradients of softmax and of the normalizations. Batch normalization has fixed statistics, as a model for inference has.
import { WhetError } from '../../errors.ts';
import { sizeOf } from '../../onnx/ir.ts';
import { floatAttribute, intAttribute, nodeTitle, normalAxis } from '../attributes.ts';
import type { Rule } from '../rules.ts';

/** y = softmax(x):  dx = y·(dy − Σ dy·y), the sum along the axis. */
const softmax: Rule = (c, node, dy) => {
  const [y] = node.outputs as readonly [string];
  const axis = normalAxis(intAttribute(node, 'axis', -1), c.shape(y).length);
  return [c.mul(y, c.sub(dy, c.sum(c.mul(dy, y), [axis], true)))];
};

/** y = ln softmax(x):  dx = dy − eʸ·Σ dy, the sum along the axis. */
const logSoftmax: Rule = (c, node, dy) => {
  const [y] = node.outputs as readonly [string];
  const axis = normalAxis(intAttribute(node, 'axis', -1), c.shape(y).length);
  return [c.sub(dy, c.mul(c.exp(y), c.sum(dy, [axis], true)))];
};

/**
 * y = w·x̂ + b,  x̂ = (x − μ)·r,  r = 1/√(σ² + ε), all one a channel (axis 1), μ and σ² fixed:
 * dx = dy·w·r,  dw = Σ dy·x̂,  db = Σ dy  (the walker sums).
 */
const batchNormalization: Rule = (c, node, dy) => {
  const [x, w, , mean, variance] = node.inputs as readonly [string, string, string, string, string];
  if (intAttribute(node, 'training_mode', 0) !== 0) {
    throw new WhetError('operator-unsupported', `node ${nodeTitle(node)} computes statistics of its batch, as in training`, {
      hint: 'Export the model for inference (in PyTorch: model.eval()).',
    });
  }
  const rank = c.shape(x).length;
  const perChannel = (name: string) => c.reshape(name, [c.shape(name)[0] as number, ...Array(Math.max(rank - 2, 0)).fill(1)]);
  const deviation = c.emit('Sqrt', [c.plus(variance, floatAttribute(node, 'epsilon', 1e-5))]);
  const r = c.emit('Reciprocal', [deviation]);
  const dx = c.mul(dy, perChannel(c.mul(w, r)));
  const normal = c.mul(c.sub(x, perChannel(mean)), perChannel(r));
  const others = c.shape(x).flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  return [dx, c.sum(c.mul(dy, normal), others), c.sum(dy, others), null, null];
};

/**
 * y = w·x̂ + b,  x̂ = (x − μ)·r,  r = 1/√(var x + ε) over the axes from `axis` on; with g = dy·w and ⟨·⟩ the mean over those axes:
 * dx = r·(g − ⟨g⟩ − x̂·⟨g·x̂⟩),  dw = Σ dy·x̂,  db = Σ dy  (the walker sums). Ba, Kiros, Hinton 2016.
 */
const layerNormalization: Rule = (c, node, dy) => {
  const [x, w] = node.inputs as readonly [string, string];
  const shape = c.shape(x);
  const first = normalAxis(intAttribute(node, 'axis', -1), shape.length);
  const axes = shape.flatMap((_, axis) => (axis < first ? [] : [axis]));
  const average = (value: string) => c.mul(c.sum(value, axes, true), 1 / sizeOf(shape.slice(first)));
  const centred = c.sub(x, average(x));
  const deviation = c.emit('Sqrt', [c.plus(average(c.mul(centred, centred)), floatAttribute(node, 'epsilon', 1e-5))]);
  const normal = c.div(centred, deviation);
  const g = c.mul(dy, w);
  const dx = c.div(c.sub(c.sub(g, average(g)), c.mul(normal, average(c.mul(g, normal)))), deviation);
  return [dx, c.mul(dy, normal), ...node.inputs.slice(2).map((name) => (name === '' ? null : dy))];
};

export const normalizationRules: Readonly<Record<string, Rule>> = {
  Softmax: softmax,
  LogSoftmax: logSoftmax,
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
};
