// Who has a device open: what a person must know when it is busy. Takes the path of a device and the sentence of a program that failed, gives the
// sentence with the name of the process added, where it can be seen.
import { readdir, readFile, readlink, realpath } from 'node:fs/promises';

const busy = /busy|EBUSY|in use/i;

export async function whoHolds(device: string, reason: string): Promise<string> {
  if (!busy.test(reason)) return reason;
  const holders = await holdersOf(device);
  if (holders.length === 0) return `${reason} (another program has it open)`;
  return `${reason} (held by ${holders.map(({ name, pid }) => `${name}, process ${pid}`).join('; ')})`;
}

/** Processes that have the device open, as far as this user may see. */
export async function holdersOf(device: string): Promise<readonly { readonly pid: number; readonly name: string }[]> {
  const path = await realpath(device).catch(() => device);
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const open = await readdir(`/proc/${pid}/fd`).catch(() => []);
      const targets = await Promise.all(open.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
      if (!targets.includes(path)) return [];
      const name = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '?')).trim();
      return [{ pid: Number(pid), name }];
    }),
  );
  return found.flat().slice(0, 5);
}
