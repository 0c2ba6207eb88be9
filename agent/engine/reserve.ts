// A few blocks that are kept for a start on a full disk: after a clean stop SQLite makes its shared-memory file anew, and reads nothing before;
// and that a release did not live through its first health check must be written down. Takes the path of the file that keeps them, and what needs room; gives them up where that fails for want of it.
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { isDiskFull } from '../errors.ts';
import type { Log } from '../log.ts';

/** The shared-memory file of SQLite takes 32 KB; a block or two more are for what stands beside it. */
const reserveBytes = 64 * 1024;

export async function withReserve<T>(path: string, log: Log, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(isDiskFull(error) && isKept(path))) throw error;
    rmSync(path, { force: true });
    log.warn({ path }, 'the disk is full; what was kept for the start is used');
    return await work();
  }
}

/** Once more where it was used; nothing where there is no room for it. */
export function keepReserve(path: string): void {
  if (isKept(path)) return;
  try {
    writeFileSync(path, Buffer.alloc(reserveBytes), { mode: 0o600 });
  } catch {
    rmSync(path, { force: true });
  }
}

function isKept(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.size === reserveBytes;
}
