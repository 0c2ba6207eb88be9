// File operations that survive a power cut, in the order that makes them so: contents, file, directory. Every failure becomes `disk-full`
// or `state-unwritable`, with the path.
import { randomBytes } from 'node:crypto';
import { copyFile, link, mkdir, open, readdir, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stateError } from '../errors.ts';

/** Names that begin like this are unfinished or on their way out, and may be removed at any start. */
const temporaryPrefix = '.part-';

export async function makeDirectory(path: string): Promise<void> {
  await guarded('create a directory', path, () => mkdir(path, { recursive: true, mode: 0o700 }));
}

/** Writes bytes, or takes over a file that will not change any more (linked where the disk can, else copied), and flushes it. */
export async function writeFlushed(path: string, contents: Uint8Array | { readonly path: string }): Promise<void> {
  await guarded('write', path, async () => {
    if (contents instanceof Uint8Array) {
      await using handle = await open(path, 'w', 0o600);
      await handle.writeFile(contents);
      return handle.sync();
    }
    // Flash wears: a second copy of a large model is not written where a link will do.
    await link(contents.path, path).catch(() => copyFile(contents.path, path));
    await using handle = await open(path, 'r');
    await handle.sync();
  });
}

/** Replaces the file at once: a reader sees the old contents or the new. */
export async function replaceFile(path: string, contents: Uint8Array): Promise<void> {
  const part = temporaryBeside(path);
  try {
    await writeFlushed(part, contents);
    await moveFlushed(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** Points a symbolic link elsewhere at once; `target` is relative to the link's directory. */
export async function replaceLink(path: string, target: string): Promise<void> {
  const part = temporaryBeside(path);
  await guarded('write a link', path, () => symlink(target, part));
  try {
    await moveFlushed(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

export async function moveFlushed(from: string, to: string): Promise<void> {
  await guarded('rename', to, () => rename(from, to));
  await flushDirectory(dirname(to));
}

export async function removeFlushed(path: string): Promise<void> {
  await guarded('remove', path, () => rm(path, { force: true }));
  await flushDirectory(dirname(path));
}

/** Out of sight at once, then removed: a crash between leaves only a temporary name. */
export async function removeDirectory(path: string): Promise<void> {
  const part = temporaryBeside(path);
  await moveFlushed(path, part);
  await guarded('remove', part, () => rm(part, { recursive: true, force: true }));
}

export async function removeLeftovers(directory: string): Promise<readonly string[]> {
  const names = await guarded('list', directory, () => readdir(directory));
  const left = names.filter((name) => name.startsWith(temporaryPrefix));
  for (const name of left) await guarded('remove', name, () => rm(join(directory, name), { recursive: true, force: true }));
  return left;
}

export async function flushDirectory(path: string): Promise<void> {
  await guarded('flush', path, async () => {
    await using handle = await open(path, 'r');
    await handle.sync();
  });
}

export function temporaryBeside(path: string): string {
  return join(dirname(path), `${temporaryPrefix}${randomBytes(6).toString('hex')}`);
}

async function guarded<T>(doing: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw stateError(error, doing, path);
  }
}
