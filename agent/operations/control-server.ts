// The daemon's control socket: HTTP over a Unix socket that only its owner may open. `POST /<operation>` with a JSON body, answered by
// JSON lines. Refuses unknown operations, wrong arguments and bodies over 4 MB (90 MB where one holds a capture).
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import type { DeviceParts } from '../engine/parts.ts';
import { messageOf, WhetError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Labeller } from '../store/sample-rows.ts';
import type { Progress } from '../types.ts';
import type { AnswerLine } from './answer-line.ts';
import { isOperation, type OperationName, runOperation } from './table.ts';

const maxBodyBytes = 4 * 1024 * 1024;
/** A capture has at most 64 MB, which are 86 MB of base64. */
const maxCaptureBytes = 90 * 1024 * 1024;

export interface ControlServer {
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createControlServer(path: string, parts: DeviceParts, log: Log): ControlServer {
  const server = createServer((request, response) => {
    answer(request, response, parts).catch((error) => log.error({ error: messageOf(error) }, 'control socket request failed'));
  });
  return {
    async start() {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      await removeStale(path);
      await listen(server, path);
      chmodSync(path, 0o600);
    },
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, parts: DeviceParts): Promise<void> {
  const write = (line: AnswerLine) => response.write(`${JSON.stringify(line)}\n`);
  response.setHeader('content-type', 'application/x-ndjson');
  try {
    const { name, args, by } = parse(
      request.url ?? '',
      await body(request, request.url?.startsWith('/add?') ? maxCaptureBytes : maxBodyBytes),
    );
    // A caller that hangs up does not end a run: it belongs to the daemon, and the next `status` tells how it went.
    const progress: Progress = (done, total, what) => write({ kind: 'progress', done, total, what });
    const value = await runOperation(parts, name, args, { progress, by });
    write({ kind: 'result', value });
  } catch (error) {
    const known = error instanceof WhetError ? error : new WhetError('internal', messageOf(error));
    write({ kind: 'error', code: known.code, message: known.message, hint: known.hint ?? null });
  }
  response.end();
}

const callers = ['cli', 'socket', 'dashboard'] as const;

/** `/<operation>?by=<who>`, with the arguments as the body. */
function parse(address: string, text: string): { readonly name: OperationName; readonly args: unknown; readonly by: Labeller } {
  const url = new URL(address, 'http://device');
  const name = url.pathname.slice(1);
  if (!isOperation(name)) throw new WhetError('usage', `the control socket has no operation '${name.slice(0, 50)}'`);
  const by = callers.find((caller) => caller === url.searchParams.get('by')) ?? 'socket';
  return { name, args: json(text), by };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text === '' ? '{}' : text);
  } catch (error) {
    throw new WhetError('usage', `the request is not JSON: ${messageOf(error)}`);
  }
}

async function body(request: IncomingMessage, limit: number): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > limit) throw new WhetError('usage', `the request is larger than ${limit} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** A socket file that nobody listens on is left by a killed daemon; one that answers belongs to a running one. */
async function removeStale(path: string): Promise<void> {
  const alive = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
  if (alive) {
    throw new WhetError('already-running', `another daemon answers on '${path}'`, {
      hint: 'Stop it first (systemctl stop whetstone), or give this one its own state and runtimeDir.',
    });
  }
  rmSync(path, { force: true });
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new WhetError('socket-failed', `cannot open the control socket '${path}': ${error.message}`, {
          hint: 'A Unix socket path holds at most 107 bytes; set runtimeDir to a short, writable directory.',
          cause: error,
        }),
      );
    });
    server.listen(path, () => resolve());
  });
}
