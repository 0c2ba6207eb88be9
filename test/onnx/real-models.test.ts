import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inspect } from '../../agent/model/inspect.ts';
import { decodeModel } from '../../agent/onnx/decode.ts';
import { encodeModel } from '../../agent/onnx/encode.ts';

const folder = new URL('../../../shared/models/', import.meta.url).pathname;

describe.skipIf(!existsSync(folder))('real int8 models of others (skipped where ../shared is absent)', () => {
  it.each([
    ['mobilenetv2-int8-dynamic.onnx', 'dynamic', '472', 1280],
    ['cifar10-tinycnn-int8-qoperator.onnx', 'qoperator', 'view', 128],
  ])('%s: the last layer is cut off exactly', async (file, quantization, tensor, features) => {
    const report = await inspect(folder + file, { cut: { kind: 'layers', layers: 1 }, samples: 4, threads: 1 });
    expect(report.model.quantization).toBe(quantization);
    expect(report.cut).toMatchObject({ tensor, features });
    expect(report.proof.splitMaxAbsDiff).toBe(0);
    expect(report.proof.floatTop1Agreement).toBe(1);
  });

  it.each([2, 3, 5, 8])('the float tail of %i QOperator layers keeps the Relu that quantization swallowed', async (layers) => {
    const report = await inspect(`${folder}cifar10-tinycnn-int8-qoperator.onnx`, {
      cut: { kind: 'layers', layers },
      samples: 4,
      threads: 1,
    });
    expect(report.tail.layers).toHaveLength(layers);
    expect(report.proof.splitMaxAbsDiff).toBe(0);
    // Without the Relu the difference is above 10; what is left is rounding.
    expect(report.proof.floatMaxAbsDiff).toBeLessThan(1);
  });

  it('survives decode and encode without a change of meaning or of the second encoding', () => {
    const model = decodeModel(readFileSync(`${folder}mobilenetv2-int8-dynamic.onnx`));
    const bytes = encodeModel(model);
    expect(Buffer.from(encodeModel(decodeModel(bytes))).equals(Buffer.from(bytes))).toBe(true);
  });
});
