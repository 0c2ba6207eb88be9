// What a base model brings along beside its file: `statistics.safetensors` (sums over its own training data) and `golden.safetensors`
// (features and labels that judge forgetting). Both are optional; refuses (`weights-corrupt`) files that belong to another backbone or cut.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { WhetError } from '../errors.ts';
import type { Tensor } from '../onnx/ir.ts';
import { decodeSafeTensors, type SafeTensors } from '../onnx/safetensors.ts';
import type { Classifier } from './open.ts';

export interface Knowledge {
  /** `gram` [width + 1, width + 1], `moment` [width + 1, classes], `weight` Σw; null where the model ships none. */
  readonly statistics: {
    readonly width: number;
    readonly classes: number;
    readonly gram: Float32Array;
    readonly moment: Float32Array;
    readonly weight: number;
  } | null;
  /** `features` [count, width] and the class of each row; null where the model ships none. */
  readonly golden: { readonly features: Float32Array; readonly count: number; readonly width: number; readonly labels: Int32Array } | null;
}

export function loadKnowledge(modelPath: string, classifier: Classifier): Knowledge {
  const { width } = classifier.features;
  const statistics = read(modelPath, 'statistics.safetensors', classifier);
  const golden = read(modelPath, 'golden.safetensors', classifier);
  return {
    statistics: statistics === null ? null : readStatistics(statistics, width, classifier.classes),
    golden: golden === null ? null : readGolden(golden, width, classifier.classes),
  };
}

/** null where there is no such file, or it was made for another cut of this model (deeper training has other features). */
function read(modelPath: string, name: string, classifier: Classifier): SafeTensors | null {
  const path = join(dirname(modelPath), name);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch {
    return null;
  }
  const file = decodeSafeTensors(bytes);
  return file.metadata.backbone === classifier.backboneHash ? file : null;
}

function readStatistics({ tensors, metadata }: SafeTensors, width: number, classes: number): Knowledge['statistics'] {
  const side = width + 1;
  const gram = floats(tensors.get('gram'), [side, side], 'gram of the statistics');
  const moment = floats(tensors.get('moment'), [side, classes], 'moment of the statistics');
  const weight = Number(metadata.weight);
  if (!(weight > 0)) throw new WhetError('weights-corrupt', `the statistics beside the model have a weight of '${metadata.weight}'`);
  return { width, classes, gram, moment, weight };
}

function readGolden({ tensors }: SafeTensors, width: number, classes: number): Knowledge['golden'] {
  const labels = tensors.get('labels');
  const count = labels?.dims[0] ?? 0;
  const features = floats(tensors.get('features'), [count, width], 'golden features');
  if (!(labels?.data instanceof Int32Array) || labels.data.some((label) => label < 0 || label >= classes)) {
    throw new WhetError('weights-corrupt', `the golden labels beside the model are not class numbers below ${classes}`);
  }
  return { features, count, width, labels: labels.data };
}

function floats(tensor: Tensor | undefined, dims: readonly number[], what: string): Float32Array {
  if (tensor?.data instanceof Float32Array && tensor.dims.join() === dims.join() && tensor.data.every(Number.isFinite)) return tensor.data;
  throw new WhetError(
    'weights-corrupt',
    `${what} beside the model: [${tensor?.dims ?? ''}] ${tensor?.dtype ?? 'missing'} where finite float32 [${dims}] is needed`,
    {
      hint: 'Fetch the model folder again, or remove the file.',
    },
  );
}
