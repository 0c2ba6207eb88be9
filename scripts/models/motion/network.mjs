// The network behind models/motion: three convolutions over time, each with normalization and Relu, the mean over time, a linear layer.
import { networkOf } from '../training/network.mjs';

export function motionNetwork(seed, classes) {
  return networkOf({ name: 'motion', sample: [6, 100], seed }, (l, x) => {
    const block = (from, channels, options) => l.relu(l.normal(l.conv(from, channels, options)));
    let y = block(x, 24, { kernel: 7, stride: 2 });
    y = block(y, 40, { kernel: 5, stride: 2 });
    y = block(y, 64);
    return l.linear(l.pooled(y), classes);
  });
}
