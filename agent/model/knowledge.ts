// What a base model brings along beside its file: `statistics.safetensors` (sums over its own training data) and `golden.safetensors`
// (features and labels that judge forgetting). Both are optional; refuses (`weights-corrupt`) files that belong to another backbone or cut.
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, parse } from 'node:path';
import { WhetError } from '../errors.ts';
import { decodeSafeTensors, type SafeTensors } from '../onnx/codec/safetensors.ts';
import type { Tensor } from '../onnx/ir.ts';
import type { Classifier } from './open.ts';

export interface Knowledge {
  /** `gram` [width + 1, width + 1], `moment` [width + 1, classes], `weight` Σw, of features less `shift` [width] where there is one; null where the model ships none. */
  readonly statistics: {
    readonly width: number;
    readonly classes: number;
    readonly gram: Float32Array;
    readonly moment: Float32Array;
    readonly weight: number;
    readonly shift?: Float32Array;
  } | null;
  /** `features` [count, width] and the class of each row; null where the model ships none. */
  readonly golden: { readonly features: Float32Array; readonly count: number; readonly width: number; readonly labels: Int32Array } | null;
  /** What the statistics were summed from: the base model, and each adaptation since. */
  readonly lessons: number;
}

/** `<model>.statistics.safetensors` comes before `statistics.safetensors`, which a folder with several models has for one of them. */
export function loadKnowledge(modelPath: string, classifier: Classifier): Knowledge {
  const { width } = classifier.features;
  const statistics = read(modelPath, 'statistics.safetensors', classifier);
  const golden = read(modelPath, 'golden.safetensors', classifier);
  return {
    statistics: statistics === null ? null : readStatistics(statistics, width, classifier.classes),
    golden: golden === null ? null : readGolden(golden, width, classifier.classes),
    lessons: Math.max(1, Math.floor(Number(statistics?.metadata.lessons ?? 1)) || 1),
  };
}

/** null where there is no such file, or it was made for another cut of this model (deeper training has other features). */
function read(modelPath: string, name: string, classifier: Classifier): SafeTensors | null {
  const own = readFile(join(dirname(modelPath), `${parse(modelPath).name}.${name}`));
  const file = own ?? readFile(join(dirname(modelPath), name));
  if (file === null || file.metadata.backbone !== classifier.backboneHash) return null;
  const { model } = file.metadata;
  // Written for another model that still stands beside this one.
  if (own === null && model !== undefined && model !== basename(modelPath) && existsSync(join(dirname(modelPath), basename(model))))
    return null;
  return file;
}

function readFile(path: string): SafeTensors | null {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch {
    return null;
  }
  return decodeSafeTensors(bytes);
}

function readStatistics({ tensors, metadata }: SafeTensors, width: number, classes: number): Knowledge['statistics'] {
  const side = width + 1;
  const gram = floats(tensors.get('gram'), [side, side], 'gram of the statistics');
  const moment = floats(tensors.get('moment'), [side, classes], 'moment of the statistics');
  const weight = Number(metadata.weight);
  if (!(weight > 0)) throw new WhetError('weights-corrupt', `the statistics beside the model have a weight of '${metadata.weight}'`);
  const shift = tensors.get('shift');
  const known = { width, classes, gram, moment, weight };
  return shift === undefined ? known : { ...known, shift: floats(shift, [width], 'shift of the statistics') };
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
