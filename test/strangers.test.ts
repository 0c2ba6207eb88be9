// Files that once did harm, kept beside the project: each has its right outcome. Skipped where that folder is absent; tests of the parts make
// files of their own.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type ClassFolder, listClassFolders } from '../agent/adapt/class-folders.ts';
import { planClasses } from '../agent/candidate/class-plan.ts';
import { requireCard } from '../agent/config/card.ts';
import { WhetError } from '../agent/errors.ts';
import { inspect } from '../agent/model/inspect.ts';
import { inputShape, preprocessCapture } from '../agent/preprocess/capture-input.ts';
import { createRuntime } from '../agent/runtime/runtime.ts';

const folder = fileURLToPath(new URL('../../shared/findings/inputs/', import.meta.url));
const isThere = existsSync(folder);
const why = isThere ? '' : ' (skipped: ../shared/findings/inputs is absent)';
const captures = join(folder, 'captures');
const shipped = (name: string) => fileURLToPath(new URL(`../models/${name}/model.onnx`, import.meta.url));

const labelsOf = (folders: readonly ClassFolder[]) =>
  planClasses(
    'replace',
    folders.map(({ name }) => name),
    [],
    0,
  ).labels;

/** The code of the refusal, or 'read'. */
async function outcome(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'read';
  } catch (error) {
    expect(error).toBeInstanceOf(WhetError);
    expect((error as WhetError).hint ?? '', (error as WhetError).message).not.toBe('internal');
    return (error as WhetError).code;
  }
}

describe.skipIf(!isThere)(`captures of strangers${why}`, () => {
  it('each is read, or refused by name', async () => {
    const { card: motion } = await requireCard(shipped('motion'));
    const { card: digits } = await requireCard(shipped('spoken-digits'));
    const { card: objects } = await requireCard(shipped('objects'));
    const { card: inMs } = await requireCard(shipped('motion'), { card: join(captures, 'csv', 'card_ms.json') });
    const wanted = [
      ...['ref.csv', 'excel_sep.csv', 'semicolon_comma.csv'].map((name) => ['csv', name, motion, 'read'] as const),
      ...['last_cut.csv', 'latin1_unit.csv', 'unquoted_commas.csv'].map((name) => ['csv', name, motion, 'sensor-unreadable'] as const),
      ['csv', 'ref_ms.csv', inMs, 'read'],
      ['csv', 'decimal_comma_comma_sep_ms.csv', inMs, 'sensor-unreadable'],
      ...readdirSync(join(captures, 'wav'))
        .filter((name) => name.includes('.'))
        .map((name) => ['wav', name, digits, 'read'] as const),
      ...['std.jpg', 'nodht.jpg'].map((name) => ['image', name, objects, 'read'] as const),
      ...['up.heic', 'up.bmp'].map((name) => ['image', name, objects, 'image-unreadable'] as const),
    ] as const;
    for (const [kind, name, card, expected] of wanted) {
      const bytes = new Uint8Array(readFileSync(join(captures, kind, name)));
      expect(await outcome(() => preprocessCapture(bytes, card.input)), name).toBe(expected);
    }
  });

  it('24 bits in four bytes, and channels that cancel, sound as they should', async () => {
    const { card } = await requireCard(shipped('spoken-digits'));
    const dataOf = async (name: string) =>
      (await preprocessCapture(new Uint8Array(readFileSync(join(captures, 'wav', name))), card.input)).data;
    const right = await dataOf('ref16.wav');
    for (const name of ['pcm24align4.wav', 'stinv.wav'])
      for (const [at, value] of (await dataOf(name)).entries()) expect(Math.abs(value - right[at]!)).toBeLessThan(1e-3);
  });

  it('folders are the classes that a person sees', async () => {
    for (const [name, classes] of Object.entries({ minus: ['-1', '0', '1'], nested: ['disc', 'square'], leak: ['disc', 'square'] })) {
      const folders = await listClassFolders(join(captures, 'classes', name));
      expect(labelsOf(folders)).toEqual(classes);
      const files = readdirSync(join(captures, 'classes', name), { recursive: true, withFileTypes: true }).filter((entry) =>
        entry.isFile(),
      );
      expect(folders.flatMap((each) => each.files)).toHaveLength(files.length);
    }
    expect(labelsOf(await listClassFolders(join(captures, 'classes', 'wrapped'))).length).toBeGreaterThan(1);
    const stick = await listClassFolders(join(captures, 'classes', 'usbstick'));
    expect(stick.some(({ name }) => name.startsWith('$') || name.startsWith('System'))).toBe(false);
  });
});

describe.skipIf(!isThere)(`models of strangers${why}`, { timeout: 120_000 }, () => {
  it('each is inspected, or refused by name', async () => {
    const runtime = createRuntime({ threads: 1 });
    const read = ['card-big', 'plain', 'slice-int64max'];
    for (const name of readdirSync(join(folder, 'bombs')).filter((each) => each.endsWith('.onnx'))) {
      const path = join(folder, 'bombs', name);
      const run = async () => {
        const card = existsSync(path.replace('.onnx', '.json')) ? (await requireCard(path)).card : null;
        const shape = card === null ? {} : { inputShape: inputShape(card.input) };
        return inspect(path, { cut: { kind: 'layers', layers: 1 }, samples: 2, runtime, ...shape });
      };
      const code = await outcome(run);
      expect(code, name).not.toBe('internal');
      expect(code === 'read', `${name}: ${code}`).toBe(read.includes(name.replace('.onnx', '')));
    }
  });
});
