// The one input tensor of a classifier: its shape for one sample, and seeded noise of that shape. Refuses inputs whose shape is not known
// (`model-unsupported`) unless the caller knows it from the model card.
import { WhetError } from '../errors.ts';
import type { Range } from '../onnx/forms/activation-scale.ts';
import { type Model, sizeOf, type Tensor, type ValueInfo } from '../onnx/ir.ts';
import { calibratedRange } from './input-range.ts';

/** Shape with a batch of 1. `known` fills dimensions that the model leaves free and must agree with those it fixes. */
export function sampleShape(input: ValueInfo, known: readonly number[] | null = null): readonly number[] {
  const shape = input.shape ?? known;
  const said = `[${(input.shape ?? ['?']).map((dim) => dim ?? '?').join(', ')}]`;
  if (shape === null || (known !== null && known.length !== shape.length)) throw refuse(input, said, known);
  const [batch] = shape;
  if (typeof batch === 'number' && batch !== 1 && batch > 0) {
    throw new WhetError('model-unsupported', `input '${input.name}' ${said} takes exactly ${batch} samples at a time`, {
      hint: 'Export the model with a batch of 1 or a free batch.',
    });
  }
  return shape.map((dim, axis) => {
    if (axis === 0) return 1;
    const wanted = known?.[axis];
    if (typeof dim === 'number' && dim > 0) {
      if (wanted !== undefined && wanted !== dim) throw refuse(input, said, known);
      return dim;
    }
    if (wanted === undefined) throw refuse(input, said, known);
    return wanted;
  });
}

function refuse(input: ValueInfo, said: string, known: readonly number[] | null): WhetError {
  if (known !== null)
    return new WhetError('model-unsupported', `input '${input.name}' is ${said}, but the model card makes [${known.join(', ')}]`, {
      hint: 'Correct width, height, channels and layout in the model card.',
    });
  return new WhetError('model-unsupported', `input '${input.name}' has the shape ${said}: only the batch may be free`, {
    hint: 'Give it a model card that says them (--card, or the file beside the model), or export the model with a fixed height and width.',
  });
}

/** What normalised pictures have. */
const usual: Range = { min: -2, max: 2 };

/** All inputs of a proof together: 128 MB of them. Two at least, because a batch of two is tried as well. */
const mostProof = 2 ** 25;

/** Inputs for a proof, from the range that the model was calibrated for, else from what its card makes, else as normalised pictures are. */
export function proofInputs(
  model: Model,
  input: ValueInfo,
  dims: readonly number[],
  count: number,
  made: Range | null = null,
): readonly Tensor[] {
  const affordable = Math.max(2, Math.min(count, Math.floor(mostProof / sizeOf(dims))));
  return randomInputs(dims, Math.min(count, affordable), calibratedRange(model, input) ?? made ?? usual);
}

/** Seeded noise in a range, its upper end left out. */
export function randomInputs(dims: readonly number[], count: number, { min, max }: Range = usual): readonly Tensor[] {
  let state = 1;
  const noise = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state / 2 ** 32) * (max - min) + min;
  };
  return Array.from({ length: count }, () => ({
    dtype: 'float32' as const,
    dims,
    data: filled(new Float32Array(sizeOf(dims)), noise),
  }));
}

/** As Float32Array.from, which takes seconds for millions. */
function filled(data: Float32Array, next: () => number): Float32Array {
  for (let at = 0; at < data.length; at += 1) data[at] = next();
  return data;
}
