// The command line's side of the control socket: every call becomes one request; errors of the daemon are thrown here again.
import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import { errorCodeOf, WhetError } from '../errors.ts';
import type { AnswerLine } from './answer-line.ts';
import { type CallOptions, type Device, deviceOf, type OperationName } from './table.ts';

/** A device that is reached through the socket at `path`. Its daemon must be running (see `openDevice`). */
export function createControlClient(path: string): Device {
  return deviceOf(
    (name, args, options) => send(path, name, args, options),
    async () => {},
  );
}

async function send(path: string, name: OperationName, args: unknown, options: CallOptions): Promise<unknown> {
  const { progress, signal, by = 'cli' } = options;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request(
      { socketPath: path, path: `/${name}?by=${by}`, method: 'POST', ...(signal === undefined ? {} : { signal }) },
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
      const code = errorCodeOf(line.code);
      throw new WhetError(code, line.message, line.hint === null ? {} : { hint: line.hint });
    }
  }
  throw new WhetError('daemon-unreachable', `the daemon ended before it answered '${name}'`, {
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
