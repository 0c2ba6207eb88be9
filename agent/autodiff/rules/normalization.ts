// Gradients of softmax and of the normalizations.
import { sizeOf } from '../../onnx/ir.ts';
import { floatAttribute, intAttribute, normalAxis } from '../attributes.ts';
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
 * y = w·x̂ + b,  x̂ = (x − μ)·r,  r = 1/√(σ² + ε), all one a channel (axis 1).
 * μ and σ² fixed:  dx = dy·w·r,  dw = Σ dy·x̂,  db = Σ dy.
 * Of the batch (training_mode, n elements a channel):  dx = w·r·(dy − db/n − x̂·dw/n). Ioffe, Szegedy 2015. The running statistics that
 * training mode also gives have no gradient.
 */
const batchNormalization: Rule = (c, node, dy) => {
  const [x, w, , mean, variance] = node.inputs as readonly [string, string, string, string, string];
  const shape = c.shape(x);
  const others = shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  const perChannel = (name: string) => c.reshape(name, [shape[1] ?? 1, ...shape.slice(2).map(() => 1)]);
  const isTraining = intAttribute(node, 'training_mode', 0) !== 0;
  const count = sizeOf(others.map((axis) => shape[axis] as number));
  const centre = isTraining ? c.mul(c.sum(x, others, true), 1 / count) : perChannel(mean);
  const centred = c.sub(x, centre);
  const spread = isTraining ? c.mul(c.sum(c.mul(centred, centred), others), 1 / count) : variance;
  const r = c.emit('Reciprocal', [c.emit('Sqrt', [c.plus(spread, floatAttribute(node, 'epsilon', 1e-5))])]);
  const [dw, db] = [c.mul(c.sum(c.mul(dy, centred), others), r), c.sum(dy, others)];
  const slope = c.mul(w, r);
  if (!isTraining) return [c.mul(dy, perChannel(slope)), dw, db, null, null];
  // Everything that is one a channel is computed there: three products and sums over the image are left.
  const along = c.mul(c.mul(slope, c.mul(r, dw)), 1 / count);
  const constant = c.mul(c.mul(slope, db), 1 / count);
  const dx = c.sub(c.sub(c.mul(dy, perChannel(slope)), c.mul(centred, perChannel(along))), perChannel(constant));
  return [dx, dw, db, null, null];
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
