// What `whet adapt` refuses before any work, and what it leaves when it is stopped.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
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
});
