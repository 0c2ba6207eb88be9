// The daemon's control socket: HTTP over a Unix socket that only its owner may open. `POST /<method>` with a JSON body, answered by
// JSON lines. Refuses unknown methods, wrong arguments and bodies over 4 MB.
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { messageOf, WhetError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Progress } from '../types.ts';
import type { Device } from './device.ts';
import { type AnswerLine, type Arguments, type Method, methods } from './methods.ts';

const maxBodyBytes = 4 * 1024 * 1024;

type Handlers = { readonly [M in Method]: (args: Arguments<M>, progress: Progress) => Promise<unknown> };

export interface ControlServer {
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createControlServer(path: string, device: Device, log: Log): ControlServer {
  const handlers: Handlers = {
    status: () => device.status(),
    questions: ({ limit }) => device.questions(limit),
    label: (args) => device.label(args),
    // A caller that hangs up does not end the run: it belongs to the daemon, and the next `status` tells how it went.
    train: ({ reason }, progress) => device.train(reason, progress),
    releases: () => device.releases(),
    rollback: ({ version }) => device.rollback(version),
    forget: ({ selector }, progress) => device.forget(selector, progress),
    pause: ({ paused }) => device.pause(paused),
  };
  const server = createServer((request, response) => {
    answer(request, response, handlers).catch((error) => log.error({ error: messageOf(error) }, 'control socket request failed'));
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

async function answer(request: IncomingMessage, response: ServerResponse, handlers: Handlers): Promise<void> {
  const write = (line: AnswerLine) => response.write(`${JSON.stringify(line)}\n`);
  response.setHeader('content-type', 'application/x-ndjson');
  try {
    const { method, args } = parse(request.url ?? '', await body(request));
    const handler = handlers[method] as (args: unknown, progress: Progress) => Promise<unknown>;
    const value = await handler(args, (done, total, what) => write({ kind: 'progress', done, total, what }));
    write({ kind: 'result', value });
  } catch (error) {
    const known = error instanceof WhetError ? error : new WhetError('internal', messageOf(error));
    write({ kind: 'error', code: known.code, message: known.message, hint: known.hint ?? null });
  }
  response.end();
}

function parse(url: string, text: string): { readonly method: Method; readonly args: unknown } {
  const method = url.slice(1);
  if (!Object.hasOwn(methods, method)) throw new WhetError('usage', `the control socket has no method '${method.slice(0, 50)}'`);
  const parsed = methods[method as Method].safeParse(json(text));
  if (parsed.success) return { method: method as Method, args: parsed.data };
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'arguments'}: ${issue.message}`);
  throw new WhetError('usage', `${method}: ${problems.join('; ')}`);
}

function json(text: string): unknown {
  try {
    return JSON.parse(text === '' ? '{}' : text);
  } catch (error) {
    throw new WhetError('usage', `the request is not JSON: ${messageOf(error)}`);
  }
}

async function body(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxBodyBytes) throw new WhetError('usage', `the request is larger than ${maxBodyBytes} bytes`);
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
