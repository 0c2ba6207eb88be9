// The kind `folder`: files that are put there are captures, of whatever kind the model takes.
import { constants } from 'node:fs';
import { z } from 'zod';
import { contains, may, pathKind, readRemedy } from '../../config/look-at-path.ts';
import { degraded, type Finding } from '../../config/problem.ts';
import { createFolderSource } from '../folder.ts';
import { type CheckSurroundings, sourceBudget, sourceKind, sourceName } from '../source-kind.ts';

export const folder = sourceKind({
  kind: 'folder',
  schema: z.strictObject({
    name: sourceName,
    kind: z
      .literal('folder')
      .describe('A folder: every new picture or recording is a sample, a subfolder named like a class is its label.'),
    path: z.string().min(1).describe('The folder to watch.'),
    rescanSeconds: z
      .number()
      .min(1)
      .max(86_400)
      .default(30)
      .describe('The folder is read again this often: network shares do not announce changes.'),
    budget: sourceBudget,
  }),
  gives: ['image', 'audio', 'sensor'],
  paths: ['path'],
  // The times of files are those of a copy.
  burstMs: () => null,
  check: ({ path }, surroundings) => checkFolder(path, surroundings),
  create({ name, path, rescanSeconds, budget }, { captures, isClass, isKnown }) {
    return createFolderSource({ name, path, captures, rescanMs: rescanSeconds * 1000, budget, isClass, isKnown });
  },
});

async function checkFolder(path: string, { state, earlier }: CheckSurroundings): Promise<readonly Finding[]> {
  const finding = (message: string, remedy: string): readonly Finding[] => [{ path: ['path'], value: path, message, remedy }];
  const found = await pathKind(path);
  if (found === 'missing') return degraded(finding('there is no such folder', `mkdir -p ${path}`));
  if (found !== 'folder') return degraded(finding('is a file, not a folder', 'Name the folder that holds the captures.'));
  if (!(await may(path, constants.R_OK | constants.X_OK))) return degraded(finding('may not be read', readRemedy(path)));
  if (contains(path, state)) return finding('holds the state folder: the device would learn from its own files', 'Name another folder.');
  const nested = earlier.findIndex(
    (other) => other.kind === 'folder' && other.path !== undefined && (contains(other.path, path) || contains(path, other.path)),
  );
  if (nested < 0) return [];
  return finding(`lies within or around the folder of sources[${nested}]: captures would be taken twice`, 'Keep one of the two.');
}
