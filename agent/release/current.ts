// Which release is current: a symbolic link `current` beside the releases, switched at once. Without a link the configured model itself
// is current, under the name 'base'. A link that leads anywhere else counts as none.
import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { stateError } from '../errors.ts';
import { removeFlushed, replaceLink } from './durable.ts';
import { versionPattern } from './manifest.ts';

const path = (root: string) => join(root, 'current');

export async function readCurrent(root: string): Promise<string> {
  try {
    const target = await readlink(path(root));
    return versionPattern.test(target) ? target : 'base';
  } catch (error) {
    const errno = error instanceof Error && 'code' in error ? error.code : null;
    if (errno === 'ENOENT' || errno === 'EINVAL') return 'base';
    throw stateError(error, 'read the current release', path(root));
  }
}

/** Durable when it returns; a crash before leaves the old one. */
export async function writeCurrent(root: string, version: string): Promise<void> {
  if (version === 'base') await removeFlushed(path(root));
  else await replaceLink(path(root), version);
}
