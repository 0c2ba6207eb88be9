// A device whose base model is a file of its own, so that a test can update it; and what it is updated to.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeModel } from '../../agent/onnx/codec/decode.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { modelPath, type TestDevice } from './daemon.ts';

/** Gives the path of the model that the device uses from its next start on. */
export function ownBase(device: TestDevice): string {
  const mine = join(device.folder, 'base.onnx');
  writeFileSync(mine, readFileSync(modelPath));
  writeFileSync(mine.replace('.onnx', '.json'), readFileSync(modelPath.replace('.onnx', '.json')));
  writeFileSync(device.config, readFileSync(device.config, 'utf8').replace(/^model: .*$/m, `model: ${JSON.stringify(mine)}`));
  return mine;
}

/** The same network with other weights in its first layer. */
export function otherBase(): Uint8Array {
  const model = decodeModel(readFileSync(modelPath));
  const large = [...model.graph.initializers].find(([, { data }]) => data instanceof Int8Array && data.length > 100);
  if (large === undefined) throw new Error('the model has no 8-bit weights');
  const [name, tensor] = large;
  const initializers = new Map(model.graph.initializers).set(name, { ...tensor, data: (tensor.data as Int8Array).toReversed() });
  return encodeModel({ ...model, graph: { ...model.graph, initializers } });
}
