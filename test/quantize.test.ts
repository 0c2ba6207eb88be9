// `whet quantize` from end to end: a real float file, real folders of photographs, the written file run again.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { loadCard } from '../agent/config/card.ts';
import { loadModel } from '../agent/model/load.ts';
import { encodeModel } from '../agent/onnx/codec/encode.ts';
import { dequantizeTail } from '../agent/onnx/forms/dequantize.ts';
import { detectQuantization } from '../agent/onnx/surgery/layers.ts';
import type { QuantizeJob } from '../agent/quantize/report.ts';
import { quantize } from '../agent/quantize.ts';
import { createRuntime } from '../agent/runtime/runtime.ts';
import { writeClassFolders } from './images.ts';
import { floatClassifier } from './models.ts';

const place = mkdtempSync(join(tmpdir(), 'whet-quantize-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const shared = fileURLToPath(new URL('../../shared/', import.meta.url));

function card(labels: readonly string[], edge: number) {
  return { name: 'net', input: { kind: 'image', width: edge, height: edge, layout: 'nchw', mean: [0.5], std: [0.25] }, labels };
}

const labels = ['disc', 'square', 'triangle', 'ring', 'cross'] as const;
const model = join(place, 'net.onnx');
writeFileSync(model, encodeModel(floatClassifier({ kind: 'conv', opset: 11 })));
writeFileSync(join(place, 'net.json'), JSON.stringify(card(labels, 8)));
const data = join(place, 'data');
await writeClassFolders(data, { classes: labels, perClass: 12, width: 16, height: 16 });
let count = 0;

const job = (options: Partial<QuantizeJob> = {}): QuantizeJob => ({
  model,
  data,
  ranges: 'minmax',
  percent: 99.99,
  biasCorrection: false,
  samples: 30,
  keepFloat: [],
  activations: 'uint8',
  perChannel: true,
  reduceRange: false,
  runtime: createRuntime(),
  out: join(place, `out${count++}.onnx`),
  ...options,
});

describe('whet quantize', () => {
  it('calibrates on some captures, judges on the others, and writes the model with its card', async () => {
    const report = await quantize(job());
    expect(report).toMatchObject({
      calibration: { samples: 30, unreadable: 0, layers: 3 },
      test: { from: 'rest', samples: 30, labelled: 30, float: { samples: 30 }, int8: { samples: 30 }, agreement: { samples: 30 } },
    });
    expect(report.test.agreement.value).toBeGreaterThan(0.85);
    expect(report.artifact.bytes).toBe(readFileSync(report.artifact.file).length);
    expect(detectQuantization(loadModel(report.artifact.file).model)).toBe('qdq');
    expect(report.layers.map(({ decibels }) => decibels)).toEqual(report.layers.map(({ decibels }) => decibels).toSorted((a, b) => a - b));
    expect(report.layers[0]!.decibels).toBeGreaterThan(15);
    expect(await loadCard(report.artifact.file.replace('.onnx', '.json'))).toEqual(await loadCard(join(place, 'net.json')));
  });

  it('takes plain files without classes, says that the calibration judges where nothing is left, and names unreadable ones', async () => {
    const flat = join(place, 'flat');
    mkdirSync(flat);
    for (const [index, name] of readdirSync(join(data, 'ring')).entries())
      writeFileSync(join(flat, `${index}.jpg`), readFileSync(join(data, 'ring', name)));
    writeFileSync(join(flat, 'bad.jpg'), 'no picture');
    const notes: string[] = [];
    const report = await quantize(job({ data: flat, ranges: 'entropy', biasCorrection: true, note: (sentence) => notes.push(sentence) }));
    expect(report).toMatchObject({
      calibration: { samples: 12, unreadable: 1, biasCorrection: true },
      test: { from: 'calibration', samples: 12, labelled: 0, float: null, int8: null },
    });
    expect(notes).toEqual([expect.stringContaining('bad.jpg')]);
  });

  it('refuses before it reads: a quantized model, an unknown tensor, its own place, no data', async () => {
    const done = await quantize(job());
    await expect(quantize(job({ model: done.artifact.file }))).rejects.toMatchObject({ code: 'model-unsupported' });
    await expect(quantize(job({ from: 'nose' }))).rejects.toMatchObject({
      code: 'model-unsupported',
      message: expect.stringContaining('nose'),
    });
    await expect(quantize(job({ out: model }))).rejects.toMatchObject({ code: 'usage' });
    await expect(quantize(job({ data: join(place, 'nowhere') }))).rejects.toMatchObject({ code: 'data-unusable' });
    const empty = join(place, 'empty');
    mkdirSync(empty);
    await expect(quantize(job({ data: empty }))).rejects.toMatchObject({ code: 'data-unusable' });
    expect(existsSync(join(place, `out${count - 1}.onnx`))).toBe(false);
  });

  it('is a verb that prints text, or one JSON document', () => {
    const verb = (...more: string[]) =>
      spawnSync(
        process.execPath,
        [
          fileURLToPath(new URL('../agent/main.ts', import.meta.url)),
          'quantize',
          model,
          '--data',
          data,
          '--out',
          join(place, 'verb.onnx'),
          '--samples',
          '20',
          ...more,
        ],
        { encoding: 'utf8' },
      );
    const text = verb('--bias-correction', '--keep-float', 'head', 'conv1');
    expect(text.stderr + text.stdout).toContain('agreement');
    expect(text.status).toBe(0);
    const json = JSON.parse(verb('--json', '--ranges', 'percentile', '--percent', '99.9').stdout);
    expect(json).toMatchObject({ calibration: { samples: 20, ranges: 'percentile' }, test: { samples: 40 } });
    expect(verb('--percent', '20').status).toBe(64);
  });
});

describe.skipIf(!existsSync(`${shared}data/cifar10.tar`))('on CIFAR-10 photographs (needs ../shared)', () => {
  it('int8 keeps the accuracy of a real float model within two points', async () => {
    spawnSync('tar', ['-xf', `${shared}data/cifar10.tar`, '-C', place, '--wildcards', '*/*/000*.jpg', '*/*/001*.jpg', '*/*/002*.jpg']);
    const photographs = ['test', 'cifar10/test'].map((path) => join(place, path)).find(existsSync) as string;
    const real = join(place, 'tiny.onnx');
    const integer = loadModel(`${shared}models/cifar10-tinycnn-int8-qoperator.onnx`).model;
    writeFileSync(real, encodeModel(dequantizeTail(integer, 'free').model));
    const facts = card(['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'], 32);
    const input = { ...facts.input, mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] };
    writeFileSync(join(place, 'tiny.json'), JSON.stringify({ ...facts, input }));
    const report = await quantize(job({ model: real, data: photographs, samples: 100, biasCorrection: true }));
    expect(report.test.float!.value).toBeGreaterThan(0.6);
    expect(report.test.int8!.value).toBeGreaterThan(report.test.float!.value - 0.02);
    expect(report.test.agreement.value).toBeGreaterThan(0.95);
    expect(report.artifact.bytes).toBeLessThan(report.model.bytes);
  });
});
