// One file of known size and hash, over HTTP(S) and proxies, into a part file: goes on where an earlier attempt stopped, and tries again while
// bytes keep coming. Gives the whole, checked part; throws `download-failed` (worth another try) or `download-corrupt` (the part is removed).
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { redactAddresses } from '../config/redact.ts';
import { messageOf, WhetError } from '../errors.ts';

export interface Download {
  /** Addresses of the same file, tried in this order. */
  readonly urls: readonly string[];
  readonly bytes: number;
  readonly sha256: string;
  /** Where bytes are gathered; left there when the connection fails, so that the next attempt goes on. */
  readonly part: string;
  /** As HTTP_PROXY, HTTPS_PROXY and NO_PROXY name them; upper or lower case. */
  readonly proxies: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly progress: (done: number) => void;
  /** A connection that is silent for this long has failed. */
  readonly idleMs?: number;
  /** The pause before an attempt that follows a failed one; doubled each time that nothing came. */
  readonly pauseMs?: number;
}

const mostRedirects = 5;
/** Attempts in a row in which not a byte came, at one address. */
const mostFruitless = 3;

export async function download(wanted: Download): Promise<void> {
  const reasons: string[] = [];
  for (const url of wanted.urls) {
    const reason = await fromOne(url, wanted);
    if (reason === null) return checkPart(wanted);
    reasons.push(`${redactAddresses(url)}: ${reason}`);
  }
  throw new WhetError('download-failed', `the file cannot be fetched from ${reasons.join('; ')}`, {
    hint: 'Try again: it goes on where it stopped. Behind a proxy: --proxy http://host:port, or HTTPS_PROXY. From a mirror: --from.',
  });
}

/** null when the part is as long as the whole, else why not. */
async function fromOne(url: string, wanted: Download): Promise<string | null> {
  const { signal, bytes, pauseMs = 500 } = wanted;
  let fruitless = 0;
  for (;;) {
    const before = await sizeOf(wanted.part, bytes);
    if (before === bytes) return null;
    const failure = await attempt(url, before, wanted).catch((error: unknown) => {
      signal.throwIfAborted();
      if (error instanceof WhetError) throw error;
      return { reason: messageOf(error), isFinal: false };
    });
    const after = await sizeOf(wanted.part, bytes);
    if (after === bytes) return null;
    if (failure?.isFinal) return failure.reason;
    fruitless = after > before ? 0 : fruitless + 1;
    if (fruitless === mostFruitless) return failure?.reason ?? `it ended after ${after} of ${bytes} bytes`;
    await sleep(pauseMs * 2 ** fruitless, undefined, { signal });
  }
}

interface Failure {
  readonly reason: string;
  /** The same address would say the same again. */
  readonly isFinal: boolean;
}

async function attempt(url: string, from: number, wanted: Download): Promise<Failure | null> {
  const response = await follow(url, from, wanted);
  try {
    const status = response.statusCode ?? 0;
    if (status !== 200 && status !== 206) return { reason: `HTTP status ${status}`, isFinal: status < 500 && status !== 429 };
    const start = status === 206 ? from : 0;
    requireRange(response, start, wanted);
    await using file = await open(wanted.part, start === 0 ? 'w' : 'a', 0o666);
    await receive(response, start, file, wanted);
    return null;
  } finally {
    response.destroy();
  }
}

/** A server that announces another size has another file: better said before the bytes than after. */
function requireRange(response: IncomingMessage, start: number, { bytes }: Download): void {
  const announced = response.headers['content-length'];
  if (announced !== undefined && start + Number(announced) !== bytes)
    throw corrupt(`the server has ${start + Number(announced)} bytes, the catalog ${bytes}`);
  const range = response.headers['content-range'];
  if (range !== undefined && range !== `bytes ${start}-${bytes - 1}/${bytes}`)
    throw corrupt(`the server gives '${range.slice(0, 60)}' where bytes from ${start} of ${bytes} were asked for`);
}

async function receive(response: IncomingMessage, start: number, file: FileHandle, wanted: Download): Promise<void> {
  let done = start;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    wanted.signal.throwIfAborted();
    if (done + chunk.length > wanted.bytes) throw corrupt(`the server sends more than the ${wanted.bytes} bytes of the catalog`);
    await file.write(chunk);
    done += chunk.length;
    wanted.progress(done);
  }
}

async function follow(first: string, from: number, wanted: Download): Promise<IncomingMessage> {
  let url = new URL(first);
  for (let redirects = 0; ; redirects += 1) {
    const response = await get(url, from, wanted);
    const target = response.headers.location;
    if (target === undefined || ![301, 302, 303, 307, 308].includes(response.statusCode ?? 0)) return response;
    response.destroy();
    const next = new URL(target, url);
    if (redirects === mostRedirects) throw new Error(`more than ${mostRedirects} redirections`);
    if (next.protocol !== url.protocol && next.protocol !== 'https:') throw new Error(`it is redirected to ${next.protocol}`);
    url = next;
  }
}

function get(url: URL, from: number, { proxies, signal, idleMs = 30_000 }: Download): Promise<IncomingMessage> {
  const { request, Agent } = url.protocol === 'https:' ? https : http;
  const agent = new Agent({ proxyEnv: proxies, timeout: idleMs });
  // Compressed bytes would be others than those that the hash is of.
  const headers = { 'user-agent': 'whetstone', 'accept-encoding': 'identity', ...(from > 0 ? { range: `bytes=${from}-` } : {}) };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, headers, signal }, resolve);
    outgoing.setTimeout(idleMs, () => outgoing.destroy(new Error(`nothing came for ${idleMs / 1000} s`)));
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** A part that is too long is of no use. */
async function sizeOf(part: string, bytes: number): Promise<number> {
  const size = (await stat(part).catch(() => null))?.size ?? 0;
  if (size <= bytes) return size;
  await rm(part, { force: true });
  return 0;
}

async function checkPart({ part, sha256, bytes }: Download): Promise<void> {
  const found = await hashOfFile(part);
  if (found === sha256) return;
  await rm(part, { force: true });
  throw corrupt(`its ${bytes} bytes have the sha256 ${found}, the catalog says ${sha256}`);
}

export async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function corrupt(reason: string): WhetError {
  return new WhetError('download-corrupt', `this is not the file that the catalog means: ${reason}`, {
    hint: 'Someone between here and the origin changed it, or the origin did. Try again, or take it from a mirror that you trust: --from.',
  });
}
