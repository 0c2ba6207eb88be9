// Where this program's own files lie, however it was installed: a checkout, a build, a package whose code is bundled. Nobody else reckons from
// the place of a source file, which bundling moves.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Package {
  readonly name: string;
  readonly version: string;
}

function packageIn(folder: string): Package | null {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Package;
  } catch {
    return null;
  }
}

function findRoot(folder: string): { readonly folder: string; readonly version: string } {
  const found = packageIn(folder);
  if (found?.name === 'whetstone') return { folder, version: found.version };
  const above = dirname(folder);
  if (above === folder) throw new Error(`no package.json of whetstone lies above ${fileURLToPath(import.meta.url)}`);
  return findRoot(above);
}

const root = findRoot(dirname(fileURLToPath(import.meta.url)));

/** Version of this program. */
export const version: string = root.version;

/** Path of a file that comes with the program, e.g. `models/objects/model.onnx`. */
export function shippedFile(path: string): string {
  return join(root.folder, path);
}

/** Path of what a process or thread of its own begins with: source beside source, built file beside built file. */
export function entryPoint(name: 'main' | 'inference/worker' | 'inference/decode-apart' | 'training/trainer'): string {
  return import.meta.url.endsWith('.ts') ? join(root.folder, 'agent', `${name}.ts`) : join(root.folder, 'dist', `${name}.js`);
}
