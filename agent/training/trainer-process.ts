// The daemon's side of the trainer: starts the child for one job, passes its progress on, gives its outcome. Aborting kills the child;
// nothing is lost, because a trainer only reads the store and writes into a directory of its own.
import { fork } from 'node:child_process';
import { errorCodeOf, WhetError } from '../errors.ts';
import { entryPoint } from '../installation.ts';
import type { Progress } from '../types.ts';
import type { FromTrainer, TrainingJob, TrainingOutcome } from './protocol.ts';

/** What is large lies outside the JavaScript heap; its young part would grow by 12 MB for nothing. */
const smallHeap = ['--max-semi-space-size=1'];

export function runTrainer(job: TrainingJob, progress: Progress, signal: AbortSignal): Promise<TrainingOutcome> {
  return new Promise((resolve, reject) => {
    // An abort that came before would not be heard any more, and the run would go on to its end.
    if (signal.aborted) return reject(new WhetError('trainer-failed', `the run was stopped before it began: ${String(signal.reason)}`));
    const child = fork(entryPoint('training/trainer'), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: smallHeap,
    });
    const errors: Buffer[] = [];
    child.stderr?.on('data', (part: Buffer) => {
      errors.push(part);
      if (errors.length > 64) errors.shift();
    });
    const kill = () => child.kill('SIGKILL');
    signal.addEventListener('abort', kill, { once: true });
    let answered = false;
    child.on('message', (message: FromTrainer) => {
      if (message.kind === 'progress') return progress(message.done, message.total, message.what);
      answered = true;
      if (message.kind === 'outcome') resolve(message.outcome);
      else reject(toError(message));
    });
    child.on('error', (error) =>
      reject(new WhetError('trainer-failed', `the trainer process could not be started: ${error.message}`, { cause: error })),
    );
    child.on('exit', (code, by) => {
      signal.removeEventListener('abort', kill);
      if (answered) return;
      const why = signal.aborted
        ? `it was stopped: ${String(signal.reason)}`
        : `${by ?? `status ${code}`} ${Buffer.concat(errors).toString('utf8').slice(-500)}`;
      reject(
        new WhetError('trainer-failed', `the trainer process ended without an answer (${why.trim()})`, {
          hint: 'Samples and the current release are unharmed. If it was killed for memory, lower `layers` or give the unit more memory.',
        }),
      );
    });
    child.send(job);
  });
}

function toError(message: Extract<FromTrainer, { kind: 'failed' }>): WhetError {
  const code = errorCodeOf(message.code);
  return new WhetError(code, message.message, message.hint === null ? {} : { hint: message.hint });
}
