// Reads the small text files in which Linux describes the machine, below a root that tests replace by a recorded tree. What is absent,
// unreadable or empty is null: a board without a sensor is the normal case.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Sizes are bounded by the kernel (one page, /proc/cpuinfo a few), but a replaced root need not be: longer text is cut. */
const maxCharacters = 1024 * 1024;

export interface MachineFiles {
  /** The text without surrounding blanks and NULs (device trees end strings with one). */
  text(path: string): Promise<string | null>;
  number(path: string): Promise<number | null>;
  /** Names inside a folder, sorted so that `zone2` comes before `zone10`. */
  names(folder: string): Promise<readonly string[]>;
}

export function createMachineFiles(root = '/'): MachineFiles {
  async function text(path: string): Promise<string | null> {
    try {
      const content = (await readFile(join(root, path), 'utf8')).slice(0, maxCharacters).replaceAll('\0', '').trim();
      return content === '' ? null : content;
    } catch {
      return null;
    }
  }
  return {
    text,
    async number(path) {
      const content = await text(path);
      const value = content === null ? Number.NaN : Number(content);
      return Number.isFinite(value) ? value : null;
    },
    async names(folder) {
      try {
        return (await readdir(join(root, folder))).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
      } catch {
        return [];
      }
    },
  };
}
