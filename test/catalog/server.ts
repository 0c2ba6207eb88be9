// A server of one file that can misbehave, and a proxy, both on free ports of this machine; they end with the test.
import { statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';

export interface FileServer {
  readonly url: string;
  /** Path and Range of each request, in order. */
  readonly asked: string[];
}

export type Answer = (request: IncomingMessage, response: ServerResponse, from: number) => void;

/** Answers requests as they come by one entry of `answers` each; the last one answers all that follow. */
export async function serve(...answers: readonly Answer[]): Promise<FileServer> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const answer = answers[Math.min(asked.length, answers.length - 1)]!;
    asked.push(`${request.url} ${from}`);
    answer(request, response, from);
  });
  return { url: await listen(server), asked };
}

/** The whole file, or the rest of it where a range is asked for. */
export const whole =
  (bytes: Uint8Array): Answer =>
  (_request, response, from) => {
    const range = from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {};
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from, ...range });
    response.end(bytes.subarray(from));
  };

/** So many bytes from where it was asked to begin; when they have come into the part file the connection breaks. */
export const cut =
  (bytes: Uint8Array, after: number, part: string): Answer =>
  (_request, response, from) => {
    const range = from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {};
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from, ...range });
    response.write(bytes.subarray(from, from + after));
    // Whatever is still under way would be lost with the connection.
    const look = setInterval(() => {
      if ((statSync(part, { throwIfNoEntry: false })?.size ?? 0) < from + after && !response.destroyed) return;
      clearInterval(look);
      response.destroy();
    }, 10);
  };

export const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Answer =>
  (_request, response) =>
    response.writeHead(code, headers).end();

/** A forward proxy: plain requests by their absolute address, others by CONNECT; says what it was asked for. */
export async function proxy(): Promise<{ readonly url: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const answer = await fetch(request.url ?? '');
    response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
  });
  server.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    const [host = '', port] = (request.url ?? '').split(':');
    const outgoing = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      outgoing.pipe(socket).pipe(outgoing);
    });
    outgoing.on('error', () => socket.destroy());
    socket.on('error', () => outgoing.destroy());
  });
  return { url: await listen(server), asked };
}

function listen(server: Server): Promise<string> {
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
    });
  });
}
