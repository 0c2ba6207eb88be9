// Files that are no photographs, or no new ones, on the way through `whet adapt`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { embedFiles } from '../../agent/adapt/pictures.ts';
import { imageInputSchema, loadCard } from '../../agent/config/card.ts';
import { preprocessImage, reflect } from '../../agent/preprocess/image.ts';
import { labels, openWorkplace, photographs, tinted, whet } from './workplace.ts';

const work = openWorkplace();

describe('photographs that are none', () => {
  it('are counted and named, and stop nothing', async () => {
    const data = await photographs(join(work.place, 'data'), labels, 8, 10);
    writeFileSync(join(data, 'disc', 'notes.jpg'), 'this is a text');
    writeFileSync(join(data, 'disc', 'empty.png'), '');
    writeFileSync(join(data, 'ring', 'cut.jpg'), (await tinted('ring', 1)).subarray(0, 200));
    writeFileSync(join(data, 'cross', '.hidden'), 'left out');
    mkdirSync(join(data, 'nothing yet'));
    const report = await work.run({ data });
    expect(report.samples).toMatchObject({ train: 40, unreadable: 3 });
    expect(report.verdict.kind).toBe('accepted');
    for (const name of ['disc/notes.jpg', 'disc/empty.png', 'ring/cut.jpg'])
      expect(work.notes).toContainEqual(expect.stringMatching(new RegExp(`^Left out .*${name.replace('.', '\\.')}: .`)));
    expect(work.notes).toContainEqual("Folder 'nothing yet' is empty and was left out.");
    const shell = whet(work.model, '--data', data, '--out', join(work.place, 'shell.onnx'), '--json');
    expect(shell.status).toBe(0);
    expect(shell.stderr).toContain('notes.jpg');
    expect(JSON.parse(shell.stdout)).toMatchObject({ samples: { unreadable: 3 } });
  });

  it('an animated picture counts once, by its first frame', async () => {
    const data = await photographs(join(work.place, 'data'), labels, 6, 11);
    const frames = await Promise.all([1, 2, 3].map((seed) => tinted('disc', seed)));
    writeFileSync(
      join(data, 'disc', 'moving.gif'),
      await sharp(frames, { join: { animated: true } })
        .gif()
        .toBuffer(),
    );
    expect((await work.run({ data })).samples).toMatchObject({ train: 31, unreadable: 0 });
  });

  it('copies of a photograph do not judge each other', async () => {
    const data = await photographs(join(work.place, 'data'), labels.slice(0, 4), 5, 12);
    mkdirSync(join(data, 'cross'));
    for (let copy = 0; copy < 5; copy += 1) writeFileSync(join(data, 'cross', `${copy}.jpg`), await tinted('cross', 1));
    expect((await work.run({ data })).verdict).toMatchObject({ kind: 'waiting', reason: expect.stringContaining("'cross' has 1") });
  });

  it.each(['empty', 'without folders', 'without pictures', 'missing'])('a data folder that is %s is refused', async (kind) => {
    const data = join(work.place, 'data');
    if (kind !== 'missing') mkdirSync(data);
    if (kind === 'without folders') writeFileSync(join(data, '1.jpg'), await tinted('disc', 1));
    if (kind === 'without pictures') {
      mkdirSync(join(data, 'disc'));
      writeFileSync(join(data, 'disc', 'a.jpg'), 'text');
    }
    expect(await work.failureOf({ data })).toMatchObject({ code: 'data-unusable', hint: expect.stringMatching(/./) });
    expect(work.entries()).toEqual(kind === 'missing' ? [] : ['data']);
  });
});

it('refuses more features than memory should hold, before it reads a picture', async () => {
  const files = Array.from({ length: 6000 }, () => ({ path: join(work.place, 'missing.jpg'), label: 0 }));
  const embedder = { embed: () => Promise.reject(new Error('never asked')), close: async () => {}, [Symbol.asyncDispose]: async () => {} };
  const read = embedFiles(files, embedder, 7 * 7 * 960, {
    input: (await loadCard(join(work.shared, 'base.json'))).input,
    what: 'features',
  });
  await expect(read).rejects.toMatchObject({ code: 'data-unusable', hint: expect.stringContaining('At most 5706 captures') });
});

it.each(['nchw', 'nhwc'] as const)('a reflection in %s is what a mirrored file gives', async (layout) => {
  const { input } = await loadCard(join(work.shared, 'base.json'));
  const card = imageInputSchema.parse({ ...input, width: 5, height: 4, layout });
  const file = await sharp(await tinted('triangle', 3))
    .resize(5, 4, { fit: 'fill' })
    .png()
    .toBuffer();
  const plain = await preprocessImage(file, card);
  const mirrored = await preprocessImage(await sharp(file).flop().png().toBuffer(), card);
  expect(reflect(plain.data, card)).toEqual(mirrored.data);
  expect(reflect(plain.data, card)).not.toEqual(plain.data);
});
