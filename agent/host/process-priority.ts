// Makes a process give way to everything else: lowest processor and disk priority, and the first to go when memory runs out. For the trainer,
// whose work can be repeated. Takes a process id; says what worked, since containers and sandboxes forbid parts of it.
import { execFile } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';

export interface LoweredPriority {
  readonly cpu: boolean;
  readonly disk: boolean;
  readonly memory: boolean;
}

/** Of 1000; ordinary processes have 0. Raising one's own needs no privilege. */
const killFirstScore = 800;

/** `nice` from 0 (normal) to 19 (only when nothing else runs). Works on every thread that the process has by now; later ones inherit. Call it before the runtime starts its own. */
export async function lowerPriority(nice: number = constants.priority.PRIORITY_LOW, pid = process.pid): Promise<LoweredPriority> {
  const threads = await threadsOf(pid);
  const [disk, memory] = await Promise.all([makeDiskIdle(threads), killFirst(pid)]);
  return { cpu: threads.every((thread) => makeNice(thread, nice)), disk, memory };
}

/** On Linux a priority belongs to a thread; the process id reaches only the first one. */
async function threadsOf(pid: number): Promise<readonly number[]> {
  try {
    return (await readdir(`/proc/${pid}/task`)).map(Number);
  } catch {
    return [pid];
  }
}

function makeNice(thread: number, nice: number): boolean {
  try {
    setPriority(thread, nice);
    return true;
  } catch (error) {
    // A thread that ended meanwhile needs nothing.
    return (error as { readonly info?: { readonly code?: string } }).info?.code === 'ESRCH';
  }
}

/** `ionice` is part of util-linux; class 3 is idle: served when nobody else wants the disk. */
function makeDiskIdle(threads: readonly number[]): Promise<boolean> {
  return new Promise((resolve) => {
    execFile('ionice', ['-c', '3', '-p', ...threads.map(String)], { timeout: 2000 }, (error) => resolve(error === null));
  });
}

async function killFirst(pid: number): Promise<boolean> {
  try {
    await writeFile(`/proc/${pid}/oom_score_adj`, String(killFirstScore));
    return true;
  } catch {
    return false;
  }
}
