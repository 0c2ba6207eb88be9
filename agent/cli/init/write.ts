// What `whet init` writes: files that are not there yet, and nothing else (`output-failed`). `written` names them, so that they can be taken back.
import { constants } from 'node:fs';
import { access, copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path';
import { WhetError } from '../../errors.ts';
import { shippedFile } from '../../installation.ts';
import type { CaptureKind } from '../../types.ts';
import { type OwnModel, shipped } from './answers.ts';

/** Beside the program, wherever it is installed. */
const shippedModels = shippedFile('models');

/** The model and all that stands beside it, so that the folder needs nothing else, and an update of whet changes no device. */
export async function copyShipped(folder: string, kind: CaptureKind, written: string[]): Promise<string> {
  const { name } = shipped[kind];
  const target = join(folder, 'models', name);
  await mkdir(target, { recursive: true });
  for (const file of await readdir(join(shippedModels, name))) {
    if (!(await stat(join(shippedModels, name, file))).isFile()) continue;
    const [source, copy] = [join(shippedModels, name, file), join(target, file)];
    if (await isSame(source, copy)) continue;
    await refuseExisting(copy);
    await copyFile(source, copy, constants.COPYFILE_EXCL);
    written.push(copy);
  }
  return `models/${name}/model.onnx`;
}

/** A copy that is there already will do. */
async function isSame(source: string, copy: string): Promise<boolean> {
  const there = await readFile(copy).catch(() => null);
  return there?.equals(await readFile(source)) === true;
}

export async function draftCard({ file, card, draft }: OwnModel, written: string[]): Promise<string | null> {
  if (card !== null) return null;
  const path = join(dirname(file), `${basename(file, extname(file))}.json`);
  await writeNew(path, `${draft}\n`, written);
  return path;
}

/** Below the folder as a path from there, so that the folder can be moved. */
export function modelPath(folder: string, file: string): string {
  const below = relative(resolve(folder), resolve(file));
  return below.startsWith('..') || isAbsolute(below) ? resolve(file) : below;
}

export async function writeNew(path: string, text: string, written: string[]): Promise<void> {
  await refuseExisting(path);
  await writeFile(path, text, { flag: 'wx' });
  written.push(path);
}

export async function refuseExisting(path: string): Promise<void> {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (exists)
    throw new WhetError('output-failed', `'${path}' is there already, and init overwrites nothing`, {
      hint: 'Name another folder: whet init FOLDER',
    });
}
