// Files that a command was told to write: first beside their place under another name, flushed, then renamed, so that nobody ever sees half
// of one. Refuses (`output-failed`, `disk-full`) what the disk refuses, before long work where it can.
import { randomBytes } from 'node:crypto';
import { access, constants, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { messageOf, WhetError } from '../errors.ts';

/** Throws where the folder does not exist or cannot be written, and where the path itself is a folder. */
export async function requireWritable(path: string): Promise<void> {
  await guarded(path, async () => {
    const folder = await stat(dirname(path));
    if (!folder.isDirectory()) throw new Error(`'${dirname(path)}' is no folder`);
    await access(dirname(path), constants.W_OK | constants.X_OK);
    const there = await stat(path).catch(() => null);
    if (there?.isDirectory()) throw new Error('it is a folder');
  });
}

/** Writes bytes under another name in the same folder, and gives it. */
export async function writeBeside(path: string, bytes: Uint8Array): Promise<string> {
  const part = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}`);
  try {
    await guarded(path, async () => {
      await using file = await open(part, 'wx', 0o666);
      await file.writeFile(bytes);
      await file.sync();
    });
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  return part;
}

/** Gives a file written by `writeBeside` its name; durable when it returns. */
export async function moveInto(part: string, path: string): Promise<void> {
  await guarded(path, async () => {
    await rename(part, path);
    await using folder = await open(dirname(path), 'r');
    await folder.sync();
  });
}

export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await moveInto(await writeBeside(path, bytes), path);
}

async function guarded(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const errno = error instanceof Error && 'code' in error ? error.code : '';
    if (errno === 'ENOSPC' || errno === 'EDQUOT' || errno === 'EFBIG') {
      throw new WhetError('disk-full', `no room to write '${path}': ${messageOf(error)}`, {
        hint: 'Free space, or name another disk.',
        cause: error,
      });
    }
    throw new WhetError('output-failed', `'${path}' cannot be written: ${messageOf(error)}`, {
      hint: 'Name a path in an existing folder that you may write.',
      cause: error,
    });
  }
}
