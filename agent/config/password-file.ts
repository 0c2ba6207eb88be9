// Files that hold a password: its first line. Takes the path or the text, gives the password; says who else may read it.
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';

export function passwordIn(text: string): string {
  return (text.split('\n')[0] ?? '').trimEnd();
}

/** Throws what `readFileSync` throws. */
export function readPassword(path: string): string {
  return passwordIn(readFileSync(path, 'utf8'));
}

/** Whether a mode, as in stat(2), lets every user of the machine read. */
export function isReadableByAll(mode: number): boolean {
  return (mode & 0o004) !== 0;
}

/** false where there is no such file. */
export async function isOpenToAll(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found !== null && isReadableByAll(found.mode);
}
