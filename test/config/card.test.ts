import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { exampleCard, findCard, loadCard, requireCard } from '../../agent/config/card.ts';
import { WhetError } from '../../agent/errors.ts';

const root = mkdtempSync(join(tmpdir(), 'whet-card-'));
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(root, 'm-'));
});
afterAll(() => rmSync(root, { recursive: true }));

const write = (name: string, content: unknown) => {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content, null, 1));
  return path;
};
const input = { kind: 'image', width: 32, height: 24, layout: 'nchw' };

async function fault(action: Promise<unknown>): Promise<WhetError> {
  const error = await action.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(WhetError);
  return error as WhetError;
}

describe('the model card', () => {
  test('is <stem>.json beside the model, else model.json', async () => {
    const model = join(folder, 'net.v2.onnx');
    expect(await findCard(model)).toBe(null);
    const shared = write('model.json', {});
    expect(await findCard(model)).toBe(shared);
    const own = write('net.v2.json', {});
    expect(await findCard(model)).toBe(own);
  });

  test('is read with its defaults filled in', async () => {
    const card = await loadCard(write('a.json', { name: 'a', input, labels: ['x', 'y'] }));
    expect(card).toEqual({
      name: 'a',
      labels: ['x', 'y'],
      task: 'classification',
      targets: [],
      input: {
        ...input,
        channels: 'rgb',
        range: [0, 1],
        mean: [],
        std: [],
        resize: 'cover',
        crop: 1,
        interpolation: 'linear',
        background: [0, 0, 0],
      },
    });
  });

  test('that is missing is asked for, with an example that fits the model and is itself a card', async () => {
    const error = await fault(requireCard(join(folder, 'net.onnx'), { shape: { input: ['n', 96, 128, 1], classes: 3 } }));
    expect(error.code).toBe('card-missing');
    expect(error.message).toContain('neither net.json nor model.json');
    const example = error.hint!.slice(error.hint!.indexOf('{'));
    const { card } = await requireCard('net.onnx', { card: write('example.json', example) });
    expect(card.input).toMatchObject({ width: 128, height: 96, channels: 'gray', layout: 'nhwc' });
    const window = (await fault(requireCard(join(folder, 'net.onnx'), { shape: { input: ['n', 6, 100], classes: 3 } }))).hint!;
    const sensor = await requireCard('net.onnx', { card: write('window.json', window.slice(window.indexOf('{'))) });
    expect(sensor.card.input).toMatchObject({ kind: 'sensor', samples: 100, channels: { length: 6 } });
    expect(card.labels).toHaveLength(3);
    expect(JSON.parse(exampleCard('m.onnx', { input: ['n', 3, 224, 192] })).input).toMatchObject({
      width: 192,
      height: 224,
      layout: 'nchw',
      channels: 'rgb',
    });
  });

  test('may name several classes alike: they are told apart by the number of the class, and that is said', async () => {
    const notes: string[] = [];
    const text = { name: 'birds', input: { kind: 'vector', values: 3 }, labels: ['crane', 'owl', 'crane', 'crane (0)'] };
    const { labels } = await loadCard(write('cranes.json', text), (sentence) => notes.push(sentence));
    expect(labels).toEqual(['crane (0)′', 'owl', 'crane (2)', 'crane (0)']);
    expect(notes).toEqual([expect.stringMatching(/names several classes 'crane'/)]);
  });

  test('of a plain vector has one or as many means as values', async () => {
    const { hint } = await fault(loadCard(write('vector.json', { name: 'v', input: { kind: 'vector', values: 3, mean: [1, 2] } })));
    expect(hint).toContain('input.mean: must have no, one or 3 numbers');
    expect(JSON.parse(exampleCard('m.onnx', { input: ['n', 34] })).input).toMatchObject({ kind: 'vector', values: 34 });
  });

  test('that is wrong is told with all its problems, each with line and remedy', async () => {
    const path = write('bad.json', {
      name: '',
      input: { kind: 'image', width: 0, height: 4.5, meen: [1], layout: 'nhcw', std: [1, 0], mean: [1, 2], range: [1, 0] },
      labels: ['a', 'b', 'a'],
      licens: 'x',
    });
    const { code, message, hint } = await fault(loadCard(path));
    expect(code).toBe('card-invalid');
    expect(message).toBe(`${path} has 10 problems`);
    expect(hint).toContain(`${path}:2:10  name: must not be empty (found "")`);
    expect(hint).toContain('input.width: must be at least 1 (found 0)');
    expect(hint).toContain('input.height: must be a whole number (found 4.5)');
    expect(hint).toMatch(/input\.meen: is not a setting that is known here\n {4}Did you mean mean\?/);
    expect(hint).toMatch(/input\.layout: .* \(found "nhcw"\)\n {4}Did you mean nchw\?/);
    expect(hint).toContain('input.std[1]: must be more than 0');
    for (const key of ['mean', 'std']) expect(hint).toContain(`input.${key}: must have no, one or 3 numbers`);
    expect(hint).toContain('input.range: must go from a smaller to a larger number (found [1,0])');
    expect(hint).toContain('Did you mean licence?');
  });

  test('with thousands of problems is told with the first twenty, at once', async () => {
    const labels = Array.from({ length: 5000 }, (_, at) => at);
    const path = write('many.json', { name: 'm', input, labels });
    const since = performance.now();
    const error = await fault(loadCard(path));
    expect(error.message).toContain('5000 problems');
    expect(error.hint?.split('\n')).toHaveLength(41);
    expect(error.hint).toContain('… and 4980 more');
    // The text was parsed anew for each: minutes.
    expect(performance.now() - since).toBeLessThan(20_000);
  });

  test('that is no JSON, a folder, or missing by name says so', async () => {
    expect((await fault(loadCard(write('c.json', "{'name': 1,}")))).message).toContain('is not JSON');
    expect((await fault(loadCard(folder))).message).toContain('cannot be read');
    expect((await fault(requireCard('m.onnx', { card: join(folder, 'none.json') }))).code).toBe('card-missing');
    expect((await fault(loadCard(write('d.json', '[]')))).hint).toContain('must be a group of settings');
  });
});
