import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type ImageInput, imageInputSchema } from '../../agent/config/card.ts';
import { inspect } from '../../agent/model/inspect.ts';
import { loadModel } from '../../agent/model/load.ts';
import { openClassifier } from '../../agent/model/open.ts';
import { prove } from '../../agent/model/proof.ts';
import { decodeModel } from '../../agent/onnx/codec/decode.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { applyDelta, decodeDelta, encodeDelta, tailDelta } from '../../agent/onnx/forms/delta.ts';
import { requantize } from '../../agent/onnx/forms/requantize.ts';
import type { Tensor } from '../../agent/onnx/ir.ts';
import { withClasses } from '../../agent/onnx/surgery/classes.ts';
import { findCut } from '../../agent/onnx/surgery/cut.ts';
import { preprocessImage, tensorShape } from '../../agent/preprocess/image.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { noise } from '../models.ts';

const folder = fileURLToPath(new URL('../../../shared/models/', import.meta.url));

describe.skipIf(!existsSync(folder))('real int8 models of others (skipped where ../shared is absent)', () => {
  it.each([
    ['mobilenetv2-int8-dynamic.onnx', 'dynamic', '472', 1280],
    ['cifar10-tinycnn-int8-qoperator.onnx', 'qoperator', 'view', 128],
  ])('%s: the last layer is cut off exactly', async (file, quantization, tensor, features) => {
    const report = await inspect(folder + file, { cut: { kind: 'layers', layers: 1 }, samples: 4, runtime: createRuntime() });
    expect(report.model.quantization).toBe(quantization);
    expect(report.cut).toMatchObject({ tensor, features });
    expect(report.proof.splitMaxAbsDiff).toBe(0);
    expect(report.proof.floatTop1Agreement).toBe(1);
  });

  it.each([2, 3, 5, 8])('the float tail of %i QOperator layers keeps the Relu that quantization swallowed', async (layers) => {
    const report = await inspect(`${folder}cifar10-tinycnn-int8-qoperator.onnx`, {
      cut: { kind: 'layers', layers },
      samples: 4,
      runtime: createRuntime(),
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

const data = fileURLToPath(new URL('../../../shared/data/', import.meta.url));
const isTarThere = spawnSync('tar', ['--version']).status === 0;

describe.skipIf(!existsSync(data) || !existsSync(folder) || !isTarThere)(
  'on real photographs (skipped where ../shared or tar is absent)',
  () => {
    const load = (file: string) => loadModel(folder + file).model;
    const card = (size: number, mean: readonly number[], std: readonly number[]) =>
      imageInputSchema.parse({ kind: 'image', width: size, height: size, layout: 'nchw', mean, std });
    const imagenet = card(224, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    const cifar = card(32, [0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.201]);

    async function tensors(files: readonly string[], input: ImageInput): Promise<readonly Tensor[]> {
      const read = async (file: string): Promise<Tensor> => {
        const { data: values } = await preprocessImage(readFileSync(file), input);
        return { dtype: 'float32', dims: tensorShape(input), data: values };
      };
      return Promise.all(files.map(read));
    }

    it('MobileNetV2: the float tail decides as the int8 model does', async () => {
      const files = readdirSync(`${data}imagenet`).filter((name) => name.endsWith('.JPEG'));
      const inputs = await tensors(
        files.map((name) => join(data, 'imagenet', name)),
        imagenet,
      );
      const model = load('mobilenetv2-int8-dynamic.onnx');
      const { proof } = await prove(model, findCut(model, { kind: 'layers', layers: 1 }), inputs, createRuntime({ threads: 2 }));
      expect(proof).toMatchObject({ samples: 25, splitMaxAbsDiff: 0, floatTop1Strict: 1 });
    }, 120_000);

    it('the CIFAR-10 net: only ties of its 8-bit output are decided otherwise', async () => {
      const place = mkdtempSync(join(tmpdir(), 'whet-cifar-'));
      try {
        spawnSync('tar', ['-xf', `${data}cifar10.tar`, '-C', place, '--wildcards', 'test/*/00[0-2]*.jpg']);
        const files = readdirSync(place, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.jpg'));
        const inputs = await tensors(
          files.map((name) => join(place, name)),
          cifar,
        );
        const model = load('cifar10-tinycnn-int8-qoperator.onnx');
        const { proof } = await prove(model, findCut(model, { kind: 'layers', layers: 1 }), inputs, createRuntime());
        expect(proof).toMatchObject({ samples: 300, splitMaxAbsDiff: 0 });
        expect(proof.floatTop1Agreement).toBeGreaterThanOrEqual(0.99);
        expect(proof.floatTop1Strict).toBeGreaterThanOrEqual(0.97);
      } finally {
        rmSync(place, { recursive: true });
      }
    });

    it('a head of 1280 features and 10 classes travels in at most 15 KB, and rebuilds the artifact', async () => {
      const base = load('mobilenetv2-int8-dynamic.onnx');
      const { tail } = await openClassifier(base, { cut: { kind: 'layers', layers: 1 }, runtime: createRuntime({ threads: 2 }) });
      const changed = withClasses(
        tail,
        Array.from({ length: 10 }, () => null),
      );
      const weight = { dtype: 'float32' as const, dims: [1280, 10], data: noise(12_800, 3) };
      const artifact = requantize(base, changed, new Map([[tail.head?.weight ?? '', weight]]), { ranges: new Map() });
      const wire = encodeDelta(tailDelta(base, artifact));
      expect(wire.length).toBeLessThanOrEqual(15 * 1024);
      expect(Buffer.compare(encodeModel(applyDelta(base, decodeDelta(wire))), encodeModel(artifact))).toBe(0);
    });
  },
);
