// What comes with the program is found from its sources as from its build.
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { entryPoint, shippedFile, version } from '../agent/installation.ts';

it('finds models, entry points and its version', () => {
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
  for (const path of [
    shippedFile('models/objects/model.onnx'),
    entryPoint('main'),
    entryPoint('inference/worker'),
    entryPoint('inference/decode-apart'),
    entryPoint('training/trainer'),
  ])
    expect(existsSync(path), path).toBe(true);
});
