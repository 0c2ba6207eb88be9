// `whet adapt --layers N`: every form at several depths is trained by gradient steps and written back; the written 8-bit file decides like the
// float tail. The report says what depth bought.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../agent/model/load.ts';
import { encodeModel } from '../../agent/onnx/encode.ts';
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
  it.each(cases)('$title, $layers layers', async (form) => {
    const model = join(work.place, 'deep.onnx');
    writeFileSync(model, encodeModel(await modelOf(form)));
    writeFileSync(join(work.place, 'deep.json'), JSON.stringify({ name: 'deep', input, labels }));
    const cut = { kind: 'layers', layers: form.layers } as const;
    const report = await work.run({ model, test, cut, learner: 'gradient', force: true });
    expect(report).toMatchObject({ learner: 'gradient', depth: { ships: 'all layers' }, samples: { test: 200 } });
    expect(report.depth!.layers).toBeGreaterThanOrEqual(form.layers);
    expect(report.depth!.judged!.allLayers.value).toBeCloseTo(report.after.float!, 6);
    expect(report.depth!.leftOut).toMatchObject({ lastLayer: { samples: 60 }, allLayers: { samples: 60 } });
    // It has learned, and what was learned has come through quantization.
    expect(report.after.float!).toBeGreaterThan(0.6);
    expect(report.after.accuracy!).toBeGreaterThanOrEqual(report.after.float! - 0.04);
    const [before, after] = [loadModel(model).model.graph, loadModel(join(work.place, 'mine.onnx')).model.graph];
    expect(after.nodes.map(({ op }) => op)).toEqual(before.nodes.map(({ op }) => op));
    expect(after.outputs).toEqual(before.outputs);
  });
});
