// Ctrl-C and SIGTERM → an AbortSignal. A second Ctrl-C ends the process at once, for a job that does not listen.
import { constants } from 'node:os';

export function interruptible(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      // 128 + signal number is what a shell expects of an interrupted command.
      if (controller.signal.aborted) process.kill(process.pid, 'SIGKILL');
      process.exitCode = 128 + constants.signals[name];
      controller.abort(name);
    });
  }
  return controller.signal;
}
