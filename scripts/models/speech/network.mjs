// The network behind the front end: one convolution, four depthwise-separable blocks, the mean over time and frequency, one linear layer.
import { networkOf } from '../training/network.mjs';

export function digitsNetwork({ mels, frames, classes, seed }) {
  return networkOf({ name: 'spoken-digits', sample: [1, mels, frames], input: 'mel', seed }, (l, x) => {
    const lively = (y) => l.relu(l.normal(y));
    const block = (y, channels, stride) => lively(l.conv(lively(l.depthwise(y, { stride })), channels, { kernel: 1 }));
    let y = lively(l.conv(x, 24, { stride: 2 }));
    for (const [channels, stride] of [
      [48, 2],
      [64, 1],
      [96, 2],
      [128, 1],
    ])
      y = block(y, channels, stride);
    return l.linear(l.pooled(y), classes);
  });
}
