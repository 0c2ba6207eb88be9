// TensorFlow.js in pure JavaScript, complete with its gradients: the core's build for Node leaves those out, and the layers' build,
// which shares the core's global registry, brings them.
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-layers';

import * as core from '@tensorflow/tfjs-core';

export const tf = core;
export type Tf = core.Tensor;
