// `whet adapt` on folders with things in them that nobody meant, and on a card that cannot be right: what can be learned is learned, and the rest is said.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { check } from '../../agent/cli/check.ts';
import { input, labels, openWorkplace } from './workplace.ts';

const work = openWorkplace();

it('a folder without a readable file is no class of its own, in data and test', async () => {
  const [data, test] = [join(work.place, 'data'), join(work.place, 'test')];
  cpSync(work.train, data, { recursive: true });
  cpSync(work.test, test, { recursive: true });
  for (const folder of [data, test]) {
    mkdirSync(join(folder, 'notes'));
    writeFileSync(join(folder, 'notes', 'a.txt'), 'what I did on Monday');
  }
  const report = await work.run({ data, test, classes: 'replace' });
  expect(report.classes).toEqual([...labels].sort());
  expect(work.notes.join('\n')).toMatch(/No file of 'notes' can be read, so it is no class/);
  expect(work.notes.join('\n')).toMatch(/1 test capture of 'notes' do/);
  const plain = await work.run({ classes: 'replace', test: work.test });
  expect(report.confusion).toEqual(plain.confusion);
  expect(report.artifact?.sha256).toBe(plain.artifact?.sha256);
});

it('one class that can be read is no classifier', async () => {
  const data = join(work.place, 'data');
  cpSync(join(work.train, 'disc'), join(data, 'disc'), { recursive: true });
  mkdirSync(join(data, 'notes'));
  writeFileSync(join(data, 'notes', 'a.txt'), 'what I did on Monday');
  expect(await work.failureOf({ data, classes: 'replace' })).toMatchObject({
    code: 'data-unusable',
    message: expect.stringContaining('two classes'),
  });
});

it('files one folder deeper are learned from, and a card that cannot be right is said', async () => {
  const data = join(work.place, 'data');
  cpSync(work.train, join(data, 'around'), { recursive: true });
  const card = join(work.place, 'card.json');
  // The middle of the range is dark, and everything else lies far below what the model was calibrated for.
  writeFileSync(card, JSON.stringify({ name: 'm', input: { ...input, range: [-9, 1] }, labels }));
  const report = await work.run({ data, card, test: work.test });
  expect(report.samples.train).toBe(60);
  const said = work.notes.join('\n');
  expect(said).toMatch(/'around' holds only folders/);
  expect(said).toMatch(/cannot be right/);
  expect(said).toMatch(/The model as it came is right on \d+ of \d+ captures, no more than always saying/);
});

it('whet check says where the card contradicts the model', async () => {
  cpSync(work.model, join(work.place, 'model.onnx'));
  mkdirSync(join(work.place, 'inbox'));
  const config = join(work.place, 'whetstone.yaml');
  writeFileSync(config, 'model: model.onnx\nsources: [{ name: inbox, kind: folder, path: inbox }]\n');
  const warningsOf = async (range: readonly number[]) => {
    writeFileSync(join(work.place, 'model.json'), JSON.stringify({ name: 'm', input: { ...input, range }, labels }));
    const { ok, warnings } = await check(config);
    return { ok, warnings: warnings.map(({ message }) => message) };
  };
  expect(await warningsOf([-1, 1])).toEqual({ ok: true, warnings: [] });
  expect(await warningsOf([0, 255])).toEqual({ ok: true, warnings: [expect.stringContaining('cannot be right')] });
  expect(readFileSync(config, 'utf8')).toContain('inbox');
});
