// The grids of a fake-quantized tail, measured again as its weights change: ranges of its activations on some of the samples → values of its
// fixed inputs. Holds one session and those samples.

import { fakeQuantized } from '../../autodiff/fake-quantization.ts';
import { forwardModel, type TrainableTail } from '../../autodiff/trainable.ts';
import { encodeModel } from '../../onnx/codec/encode.ts';
import type { Range } from '../../onnx/forms/activation-scale.ts';
import { sizeOf, type Tensor } from '../../onnx/ir.ts';
import { value } from '../../onnx/made/build.ts';
import type { FloatTail } from '../../onnx/surgery/tail.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { floatTensor } from '../ridge/gather.ts';
import type { Weights } from './scaling.ts';

export interface GridWatch extends AsyncDisposable {
  readonly tail: FloatTail & TrainableTail;
  /** Values of the tail's fixed inputs for these weights. */
  measure(weights: Weights): Promise<Weights>;
}

/** Enough to see where activations end; what lies beyond is clipped until the next time. */
const watchedRows = 256;

/** `left` are parameters that stay on no grid. Without `recalibrate` the grids are those of the base model throughout. */
export async function watchGrids(
  tail: FloatTail,
  features: Tensor,
  options: { readonly left: ReadonlySet<string>; readonly recalibrate: boolean; readonly runtime: Runtime },
): Promise<GridWatch> {
  const fake = fakeQuantized(tail, options.left);
  if (fake.watched.length === 0 || !options.recalibrate) {
    const fixed = fake.gridsFor(new Map());
    return { tail: fake.tail, measure: async () => fixed, [Symbol.asyncDispose]: async () => {} };
  }
  const forward = forwardModel(tail);
  const outputs = fake.watched.map((name) => value(name, null));
  const session = await options.runtime.open(encodeModel({ ...forward, graph: { ...forward.graph, outputs } }), {
    label: 'the float tail',
  });
  const rows = someRows(features);
  return {
    tail: fake.tail,
    async measure(weights) {
      const parameters = Object.fromEntries(forward.graph.inputs.slice(1).map(({ name }) => [name, weights.get(name) as Tensor]));
      const out = await session.run({ ...parameters, [tail.input]: rows });
      return fake.gridsFor(new Map(fake.watched.map((name) => [name, rangeOf(out[name]?.data as Float32Array)])));
    },
    [Symbol.asyncDispose]: () => session.close(),
  };
}

/** Rows at equal distances. */
function someRows(features: Tensor): Tensor {
  const [count = 0, ...sample] = features.dims;
  const taken = Math.min(count, watchedRows);
  const width = sizeOf(sample);
  const data = new Float32Array(taken * width);
  for (let to = 0; to < taken; to += 1) {
    const from = Math.floor((to * count) / taken);
    data.set((features.data as Float32Array).subarray(from * width, (from + 1) * width), to * width);
  }
  return floatTensor([taken, ...sample], data);
}

function rangeOf(values: Float32Array): Range {
  let [min, max] = [0, 0];
  for (const each of values) {
    // Written so that NaN is not lost.
    if (!(each >= min)) min = each;
    if (!(each <= max)) max = each;
  }
  return { min, max };
}
