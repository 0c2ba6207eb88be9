// What `whet adapt` refuses before any work, and what it leaves when it is stopped.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { floatClassifier } from '../models.ts';
import { input, openWorkplace, photographs, sha256, whet } from './workplace.ts';

const work = openWorkplace();

describe('what is refused before any work', () => {
  it('an output that would overwrite the model, its card, or be its own card', async () => {
    const before = sha256(work.model);
    for (const out of [work.model, join(work.shared, 'base.json'), join(work.shared, 'base'), join(work.place, 'x.json')])
      expect(await work.failureOf({ out })).toMatchObject({ code: 'usage', message: expect.stringContaining('overwrite') });
    expect(sha256(work.model)).toBe(before);
  });

  it('an output in a folder that does not exist, or is a file, or a folder itself', async () => {
    mkdirSync(join(work.place, 'folder.onnx'));
    for (const out of [join(work.place, 'missing', 'mine.onnx'), join(work.model, 'mine.onnx'), join(work.place, 'folder.onnx')])
      expect(await work.failureOf({ out, data: join(work.place, 'never looked at') })).toMatchObject({ code: 'output-failed' });
  });

  it.skipIf(process.getuid?.() === 0)('an output in a folder that may not be written (not as root)', async () => {
    mkdirSync(join(work.place, 'locked'));
    chmodSync(join(work.place, 'locked'), 0o555);
    expect(await work.failureOf({ out: join(work.place, 'locked', 'mine.onnx') })).toMatchObject({ code: 'output-failed' });
  });

  it('a model without a card, with an example to start from; a card that names too few classes', async () => {
    writeFileSync(join(work.place, 'lonely.onnx'), readFileSync(work.model));
    const lonely = { model: join(work.place, 'lonely.onnx'), out: join(work.place, 'mine.onnx') };
    expect(await work.failureOf(lonely)).toMatchObject({ code: 'card-missing' });
    expect(whet(lonely.model, '--data', work.train, '--out', lonely.out).status).toBe(65);
    const card = join(work.place, 'card.json');
    writeFileSync(card, JSON.stringify({ name: 'm', input, labels: ['disc', 'ring'] }));
    expect(await work.failureOf({ ...lonely, card })).toMatchObject({ code: 'card-invalid', message: expect.stringContaining('names 2') });
  });

  it('a class folder whose name no card could hold', async () => {
    const data = await photographs(join(work.place, 'data'), ['disc', 'ring'], 3, 1, (label) =>
      label === 'ring' ? 'r'.repeat(220) : 'disc',
    );
    expect(await work.failureOf({ data, classes: 'replace' })).toMatchObject({
      code: 'data-unusable',
      message: expect.stringContaining('rrr'),
    });
  });

  it.each(['w1', 'b3'])('weights that are not finite (%s), before any picture is learned from', async (name) => {
    const whole = floatClassifier({ kind: 'conv', opset: 13 });
    const tensor = whole.graph.initializers.get(name)!;
    const data = Float32Array.from(tensor.data as Float32Array).fill(Number.NaN, 0, 1);
    const initializers = new Map(whole.graph.initializers).set(name, { ...tensor, data });
    const model = join(work.place, 'nan.onnx');
    writeFileSync(model, encodeModel({ ...whole, graph: { ...whole.graph, initializers } }));
    const error = await work.failureOf({ model, card: join(work.shared, 'base.json') });
    expect(error).toMatchObject({ code: 'model-unsupported', message: expect.stringContaining(`'${name}' holds NaN`) });
  });

  it('text instead of a model, and half of one', async () => {
    const model = join(work.place, 'model.onnx');
    for (const bytes of [Buffer.from('not a model'), readFileSync(work.model).subarray(0, 700)]) {
      writeFileSync(model, bytes);
      expect(await work.failureOf({ model, card: join(work.shared, 'base.json') })).toMatchObject({ code: 'model-unreadable' });
    }
  });
});

it('a disk that takes no more: nothing half-written stays', () => {
  // A limit on the size of files stands for the full disk; the model of 3 KB does not fit into two blocks of 1 KB.
  const main = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));
  const out = join(work.place, 'mine.onnx');
  const script = `ulimit -f 2; exec "$0" "$@"`;
  const args = [main, 'adapt', work.model, '--data', work.train, '--out', out, '--json'];
  const shell = spawnSync('bash', ['-c', script, process.execPath, ...args], { encoding: 'utf8' });
  expect(JSON.parse(shell.stdout)).toMatchObject({ error: { code: 'disk-full', hint: expect.stringMatching(/Free space/) } });
  expect(shell.status).toBe(74);
  expect(work.entries()).toEqual([]);
});
