// The command line's side of the control socket: every call becomes one request; errors of the daemon are thrown here again.
import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import { type ErrorCode, errorRegistry, WhetError } from '../errors.ts';
import type { Progress } from '../types.ts';
import type { Device } from './device.ts';
import type { AnswerLine, Arguments, Method } from './methods.ts';

/** A device that is reached through the socket at `path`. Its daemon must be running (see `openDevice`). */
export function createControlClient(path: string): Device {
  const call = <T>(method: Method, args: Arguments<Method>, progress?: Progress, signal?: AbortSignal) =>
    send(path, method, args, progress, signal) as Promise<T>;
  return {
    status: () => call('status', {}),
    questions: (limit) => call('questions', { limit }),
    label: (wanted) => call('label', { ...wanted, samples: [...wanted.samples] }),
    train: (reason, progress, signal) => call('train', { reason }, progress, signal),
    releases: () => call('releases', {}),
    rollback: (version) => call('rollback', version === undefined ? {} : { version }),
    forget: (selector, progress, signal) => call('forget', { selector } as Arguments<'forget'>, progress, signal),
    pause: (paused) => call('pause', { paused }),
    async [Symbol.asyncDispose]() {},
  };
}

async function send(path: string, method: Method, args: unknown, progress?: Progress, signal?: AbortSignal): Promise<unknown> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request(
      { socketPath: path, path: `/${method}`, method: 'POST', ...(signal === undefined ? {} : { signal }) },
      resolve,
    );
    outgoing.on('error', (error) => {
      reject(new WhetError('daemon-unreachable', `the daemon does not answer on '${path}': ${error.message}`, { cause: error }));
    });
    outgoing.end(JSON.stringify(args));
  });
  for await (const text of linesUntilReset(answer, signal)) {
    const line = JSON.parse(text) as AnswerLine;
    if (line.kind === 'progress') progress?.(line.done, line.total, line.what);
    if (line.kind === 'result') return line.value;
    if (line.kind === 'error') {
      const code = line.code in errorRegistry ? (line.code as ErrorCode) : 'internal';
      throw new WhetError(code, line.message, line.hint === null ? {} : { hint: line.hint });
    }
  }
  throw new WhetError('daemon-unreachable', `the daemon ended before it answered '${method}'`, {
    hint: 'Look at its log: journalctl -u whetstone',
  });
}

/** A daemon that stops cuts the connection: the lines end there, and what is missing is said by who reads them. */
async function* linesUntilReset(answer: IncomingMessage, signal: AbortSignal | undefined): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: answer });
  } catch (error) {
    if (signal?.aborted) throw error;
  }
}
