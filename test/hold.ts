// Kills that fall at their moments, on the slowest machine and on the fastest: a test names the durable steps after which a process shall
// be held, waits until it stands there, stopped, and kills it. The product knows nothing of it: a preload (hold-preload.ts) looks on.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A regular expression for the text of a step, e.g. 'after COMMIT', and how many such steps must come; 1 unless told. */
export interface Step {
  readonly match: string;
  readonly times?: number;
}

export interface Held {
  readonly pid: number;
  /** The step at which it stands. */
  readonly step: string;
}

export interface Hold {
  /** The environment of processes that can be held, and their children with them. */
  readonly env: NodeJS.ProcessEnv;
  /** From now on: the process in which these steps have come in this order is held there. Forgets what was held before. */
  at(...steps: readonly (string | Step)[]): void;
  /** Resolves when a process stands at its moment. Rejects where `ends` settles before: the moment never came. */
  held(ends: Promise<unknown>): Promise<Held>;
  /** Nothing is held any more. */
  clear(): void;
}

const preload = new URL('./hold-preload.ts', import.meta.url);

/** `folder` is for the two files through which test and processes speak; it is made. */
export function createHold(folder: string): Hold {
  const [steps, heldAt] = [join(folder, 'steps.json'), join(folder, 'held.json')];
  mkdirSync(folder, { recursive: true });

  function clear(): void {
    rmSync(steps, { force: true });
    rmSync(heldAt, { force: true });
  }

  return {
    // A URL has no blanks, whatever the folder is named.
    env: {
      ...process.env,
      NODE_OPTIONS: [process.env.NODE_OPTIONS ?? '', `--import=${preload.href}`].join(' ').trim(),
      WHET_TEST_HOLD: folder,
    },
    at(...named) {
      clear();
      const all: readonly Step[] = named.map((step) => (typeof step === 'string' ? { match: step } : step));
      writeFileSync(`${steps}.new`, JSON.stringify(all));
      renameSync(`${steps}.new`, steps);
    },
    async held(ends) {
      let over = false;
      const end = () => {
        over = true;
      };
      ends.then(end, end);
      while (!existsSync(heldAt)) {
        if (over) throw new Error(`it ended before it came to its moment: ${readFileSync(steps, 'utf8')}`);
        await nextLook();
      }
      const held: Held = JSON.parse(readFileSync(heldAt, 'utf8'));
      while (!isStopped(held.pid)) await nextLook();
      return held;
    },
    clear,
  };
}

const nextLook = () => new Promise((resolve) => setTimeout(resolve, 10));

/** Throws where there is no such process. */
function isStopped(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The state stands after the name, which is in brackets and may hold anything.
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
}
