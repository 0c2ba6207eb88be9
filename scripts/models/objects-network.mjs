// The network behind models/objects: four convolutions and a pointwise one, each with normalization and Relu, then the mean over space and a
// linear layer. 6 million multiplications a picture of [3, 32, 32]; 128 features before the last layer.
import { networkOf } from './training/network.mjs';

export const edge = 32;

export function objectsNetwork(seed, classes = 10) {
  return networkOf({ name: 'objects', sample: [3, edge, edge], seed }, (l, x) => {
    const block = (from, channels, options) => l.relu(l.normal(l.conv(from, channels, options)));
    let y = block(x, 24, { stride: 2 });
    y = block(y, 32);
    y = block(y, 64, { stride: 2 });
    y = block(y, 64);
    y = block(y, 128, { kernel: 1 });
    return l.linear(l.pooled(y), classes);
  });
}

/** How a picture becomes the network's input: the card's `input`. */
export const pictureInput = {
  kind: 'image',
  width: edge,
  height: edge,
  channels: 'rgb',
  layout: 'nchw',
  range: [0, 1],
  mean: [0.4914, 0.4822, 0.4465],
  std: [0.2023, 0.1994, 0.201],
  resize: 'cover',
  crop: 1,
  interpolation: 'linear',
  background: [0, 0, 0],
};
