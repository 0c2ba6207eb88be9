// `whet adapt --layers N`: every form at several depths is trained by gradient steps and written back; the written 8-bit file decides like the
// float tail. The report says what depth bought.
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { gradientDefaults } from '../../agent/config/gradient-schema.ts';
import { loadModel } from '../../agent/model/load.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { forms, modelOf } from '../forms.ts';
import { input, labels, openWorkplace, photographs } from './workplace.ts';

const work = openWorkplace();
let test = '';
beforeAll(async () => {
  test = await photographs(join(work.shared, 'many'), labels, 40, 3);
});

/** One depth for every form, so that all forms and all depths from 2 to 6 occur. */
const cases = forms([13], ['deep']).map((form, at) => ({ ...form, layers: 2 + (at % 5) }));

describe('several layers, trained and written back', () => {
  it.each(cases)('$title, $layers layers', { timeout: 600_000 }, async (form) => {
    const model = join(work.place, 'deep.onnx');
    writeFileSync(model, encodeModel(await modelOf(form)));
    writeFileSync(join(work.place, 'deep.json'), JSON.stringify({ name: 'deep', input, labels }));
    const cut = { kind: 'layers', layers: form.layers } as const;
    const gradient = { ...gradientDefaults, epochs: 10, rate: 0.003 };
    const report = await work.run({ model, test, cut, learner: 'gradient', gradient, force: true });
    expect(report).toMatchObject({ learner: 'gradient', depth: { ships: 'all layers' } });
    // Drawings that are nearly one of those to learn from do not judge.
    expect(report.samples.test + report.overlap).toBe(200);
    expect(report.overlap).toBeLessThan(10);
    expect(report.depth!.layers).toBeGreaterThanOrEqual(form.layers);
    expect(report.depth!.judged!.allLayers.value).toBeCloseTo(report.after.float!, 6);
    const { lastLayer, allLayers } = report.depth!.leftOut!;
    // Two of these drawings may look the same.
    expect(lastLayer.samples).toBe(allLayers.samples);
    expect(Math.abs(lastLayer.samples - 59)).toBeLessThan(2);
    // It has learned, and what was learned has come through quantization.
    expect(report.after.float!).toBeGreaterThan(0.6);
    expect(report.after.accuracy!).toBeGreaterThanOrEqual(report.after.float! - 0.03);
    const [before, after] = [loadModel(model).model.graph, loadModel(join(work.place, 'mine.onnx')).model.graph];
    expect(after.nodes.map(({ op }) => op)).toEqual(before.nodes.map(({ op }) => op));
    expect(after.outputs).toEqual(before.outputs);
  });
});

const shared = fileURLToPath(new URL('../../../shared/models/', import.meta.url));
const real = {
  'cifar10-tinycnn-int8-qoperator.onnx': { size: 32, layers: 6, mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] },
  'mobilenetv2-int8-dynamic.onnx': { size: 224, layers: 3, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
} as const;

describe.skipIf(!existsSync(shared))('models that others made (needs ../shared/models)', () => {
  it.each(Object.entries(real))(
    '%s learns other classes with several layers',
    { timeout: 600_000 },
    async (file, { size, layers, mean, std }) => {
      const model = join(work.place, file);
      copyFileSync(join(shared, file), model);
      const own = { ...input, width: size, height: size, range: [0, 1], mean, std };
      writeFileSync(model.replace(/onnx$/, 'json'), JSON.stringify({ name: 'real', input: own }));
      const classes = ['disc', 'square', 'cross'] as const;
      const data = await photographs(join(work.place, 'data'), classes, 6, 5);
      const few = await photographs(join(work.place, 'test'), classes, 8, 6);
      const cut = { kind: 'layers', layers } as const;
      const gradient = { ...gradientDefaults, epochs: 4 };
      const report = await work.run({ model, data, test: few, cut, classes: 'replace', learner: 'gradient', gradient });
      expect(report).toMatchObject({ learner: 'gradient', verdict: { kind: 'accepted' }, depth: { layers, ships: 'all layers' } });
      expect(report.after.accuracy!).toBeGreaterThanOrEqual(report.after.float! - 1 / 24 - 1e-9);
      expect(report.after.float!).toBeGreaterThan(0.6);
    },
  );
});
