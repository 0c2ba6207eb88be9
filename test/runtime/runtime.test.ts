// What is decided once holds for every session, and a failure says which model it was.
import { expect, it } from 'vitest';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { graph, model, node, value } from '../../agent/onnx/made/build.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';

const bytes = encodeModel(model(graph('g', { inputs: [value('x', [1])], outputs: [value('y', [1])], nodes: [node('Neg', ['x'], ['y'])] })));

it('is one thread on the processor unless told', () => {
  expect(createRuntime()).toMatchObject({ threads: 1, providers: ['cpu'] });
  expect(createRuntime({ threads: 3 })).toMatchObject({ threads: 3, providers: ['cpu'] });
});

it('opens sessions on the providers that it was made with', async () => {
  await using session = await createRuntime().open(bytes, { label: 'a sum' });
  const { y } = await session.run({ x: { dtype: 'float32', dims: [1], data: Float32Array.of(2) } });
  expect(y?.data).toEqual(Float32Array.of(-2));
  // A provider that no build carries is refused by the runtime, so the setting arrived.
  await expect(createRuntime({ providers: ['abacus'] }).open(bytes, { label: 'the model' })).rejects.toMatchObject({
    code: 'runtime-failed',
    message: expect.stringContaining('the model'),
  });
});

it('refuses bytes that are no model, by the name that it was given', async () => {
  await expect(createRuntime().open(Uint8Array.of(1, 2, 3), { label: 'the backbone' })).rejects.toMatchObject({
    code: 'runtime-failed',
    message: expect.stringContaining('the backbone'),
  });
});
