// TensorFlow.js for Node, where the user has installed it: probed, never required. Loading it binds native code, so it happens only when the
// engine `tfjs` is asked for; where it is absent or cannot be loaded, `engine-unavailable` says what to do.
import { createRequire } from 'node:module';
import type * as core from '@tensorflow/tfjs-core';
import { messageOf, WhetError } from '../../errors.ts';

/** What the engine uses of it: the core's operators with their gradients, on whatever backend is registered. */
export type TensorFlow = typeof core;
export type TfTensor = core.Tensor;
export type TfScalar = core.Scalar;

const packageName = '@tensorflow/tfjs-node';

/** `load` stands for `import`, in tests. */
export async function loadTensorFlow(load: (name: string) => Promise<unknown> = (name) => import(name)): Promise<TensorFlow> {
  restoreRemovedUtilities();
  try {
    const loaded = (await load(packageName)) as TensorFlow & { readonly default?: TensorFlow };
    const tf = loaded.default ?? loaded;
    await tf.ready();
    return tf;
  } catch (error) {
    throw new WhetError('engine-unavailable', `the engine tfjs needs ${packageName}, which cannot be loaded: ${messageOf(error)}`, {
      hint: `Install it (npm install ${packageName}@4.22.0; on ARM: npm rebuild ${packageName} --build-from-source), or use the engine onnx.`,
      cause: error,
    });
  }
}

/** Node 23 removed `util.isNullOrUndefined` and its like, which tfjs-node 4.22 still calls in every operator (tfjs issue 8609). */
function restoreRemovedUtilities(): void {
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
}
