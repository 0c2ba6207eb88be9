// One life of a device's daemon: the process, what it printed, its children, what it uses. Takes a command line; judges nothing.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function startDaemon(command, env) {
  const beganMs = performance.now();
  // In a group of its own: an interrupt at the terminal is for the rig, which then comes to its end.
  const child = spawn(command[0], command.slice(1), { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let end = null;
  const hear = (part) => {
    said += String(part);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const ended = new Promise((resolve) => {
    child.once('close', (code, signal) => {
      end = { code, signal };
      resolve(end);
    });
  });
  return {
    pid: child.pid,
    ended,
    get said() {
      return said;
    },
    /** null while it lives. */
    get end() {
      return end;
    },
    /** Milliseconds until the log held the text; null where the process ended before, or time was up. */
    async says(text, limitMs) {
      while (!said.includes(text)) {
        if (end !== null || performance.now() - beganMs > limitMs) return null;
        await pause(5);
      }
      return performance.now() - beganMs;
    },
    signal: (name) => child.kill(name),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    children: () => childrenOf(child.pid),
    trainer: () => childrenOf(child.pid).find((pid) => commandOf(pid).includes('trainer')),
    /** Resident megabytes and open descriptors; null where it has ended. */
    uses() {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
        const megabytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
        return { megabytes, descriptors: readdirSync(`/proc/${child.pid}/fd`).length };
      } catch {
        return null;
      }
    },
  };
}

/** Also those that a thread started. */
function childrenOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}

/** '' where there is no such process. */
export function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

export function signalAll(pids, name) {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It has ended by itself.
    }
  }
}
