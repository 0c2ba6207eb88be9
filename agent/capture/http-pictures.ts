// Pictures from an address: one asked for again and again, or a stream that does not end. Takes the address and who may see it, hands out pictures,
// gives the sentence that says why it ended; never throws. Refuses redirects: the password is for the address that was written down.
import { createHash, randomBytes } from 'node:crypto';
import { readPassword } from '../config/password-file.ts';
import { messageOf } from '../errors.ts';
import type { Frames } from './camera-process.ts';
import { maxFrameBytes } from './frame-source.ts';
import { createJpegSplitter } from './jpeg-split.ts';
import { pause } from './source.ts';

export interface PictureAddress {
  readonly url: string;
  readonly username?: string | undefined;
  /** File whose first line is the password. */
  readonly passwordFile?: string | undefined;
  /** From one question to the next, where the answer is a single picture. */
  readonly intervalMs: number;
  readonly stallMs: number;
}

export async function readPictures(address: PictureAddress, { onFrame, onBroken }: Frames, signal: AbortSignal): Promise<string> {
  const host = new URL(address.url).host;
  try {
    const login = loginOf(address);
    for (;;) {
      const begunMs = performance.now();
      const { reason, isStream } = await readOnce(address, login, { onFrame, onBroken }, signal);
      if (signal.aborted) return 'stopped';
      if (isStream || reason !== null) return `${host} ${reason ?? 'ended the stream'}`;
      await pause(Math.max(0, address.intervalMs - (performance.now() - begunMs)), signal);
    }
  } catch (error) {
    return signal.aborted ? 'stopped' : `${host}: ${causeOf(error)}`;
  }
}

interface Login {
  readonly username: string;
  readonly password: string;
  /** What the last refusal asked for, so that the next question answers it at once. */
  challenge: string | null;
}

function loginOf({ username, passwordFile }: PictureAddress): Login | null {
  if (username === undefined) return null;
  return { username, password: passwordFile === undefined ? '' : readPassword(passwordFile), challenge: null };
}

/** One answer, read to its end. `reason`: what is wrong with it; null where it was a picture. */
async function readOnce(address: PictureAddress, login: Login | null, { onFrame, onBroken }: Frames, signal: AbortSignal) {
  const stalled = new AbortController();
  const stall = setTimeout(() => stalled.abort(), address.stallMs);
  try {
    const response = await ask(address.url, login, AbortSignal.any([signal, stalled.signal]));
    const type = response.headers.get('content-type') ?? '';
    const isStream = /^multipart\//i.test(type);
    if (!response.ok) {
      await response.body?.cancel();
      return { isStream, reason: refusal(response.status, login) };
    }
    const splitter = createJpegSplitter(maxFrameBytes);
    let [frames, bytes] = [0, 0];
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      const before = splitter.broken;
      const pictures = splitter.push(Buffer.from(chunk));
      if (splitter.broken > before) onBroken(splitter.broken - before);
      for (const picture of pictures) onFrame(picture);
      frames += pictures.length;
      if (pictures.length > 0) stall.refresh();
      // One picture was asked for; whatever goes on after it without being a stream is not waited for.
      if (!isStream && (frames > 0 || bytes > maxFrameBytes)) break;
    }
    return { isStream, reason: frames === 0 ? `gave ${bytes} bytes of ${type || 'no named type'}, and no JPEG picture` : null };
  } catch (error) {
    if (stalled.signal.aborted) return { isStream: true, reason: `gave no picture for ${address.stallMs / 1000} s` };
    throw error;
  } finally {
    clearTimeout(stall);
  }
}

async function ask(url: string, login: Login | null, signal: AbortSignal): Promise<Response> {
  const question = (authorization: string | null) =>
    fetch(url, { signal, redirect: 'error', headers: authorization === null ? {} : { authorization } });
  const first = await question(login === null ? null : answerTo(login, url));
  const challenge = first.headers.get('www-authenticate');
  if (first.status !== 401 || login === null || challenge === null) return first;
  await first.body?.cancel();
  login.challenge = challenge;
  return question(answerTo(login, url));
}

/** Basic (RFC 7617), or Digest with MD5 or SHA-256 (RFC 7616) where the camera asks for it; nothing before it has asked. */
function answerTo({ username, password, challenge }: Login, url: string): string | null {
  if (challenge === null) return null;
  if (!/^\s*digest\s/i.test(challenge)) return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const field = (name: string) => new RegExp(`${name}=(?:"([^"]*)"|([^\\s,]+))`, 'i').exec(challenge)?.slice(1).find(Boolean);
  const algorithm = field('algorithm') ?? 'MD5';
  const hash = (text: string) =>
    createHash(/^sha-256/i.test(algorithm) ? 'sha256' : 'md5')
      .update(text)
      .digest('hex');
  const { pathname, search } = new URL(url);
  const uri = `${pathname}${search}`;
  const [realm, nonce, cnonce] = [field('realm') ?? '', field('nonce') ?? '', randomBytes(8).toString('hex')];
  const isCounted = /auth/i.test(field('qop') ?? '');
  const own = hash(`${username}:${realm}:${password}`);
  const middle = isCounted ? `${nonce}:00000001:${cnonce}:auth` : nonce;
  const parts = [
    `username="${username}"`,
    `realm="${realm}"`,
    `nonce="${nonce}"`,
    `uri="${uri}"`,
    `response="${hash(`${own}:${middle}:${hash(`GET:${uri}`)}`)}"`,
    `algorithm=${algorithm}`,
    ...(isCounted ? ['qop=auth', 'nc=00000001', `cnonce="${cnonce}"`] : []),
    ...(field('opaque') === undefined ? [] : [`opaque="${field('opaque')}"`]),
  ];
  return `Digest ${parts.join(', ')}`;
}

function refusal(status: number, login: Login | null): string {
  if (status === 401 || status === 403)
    return login === null
      ? `wants a user and a password (${status}): set username and passwordFile`
      : `refuses this user or password (${status})`;
  return status === 404 ? 'has nothing at this address (404): check the path' : `answered ${status}`;
}

/** fetch says "fetch failed"; what happened is the cause. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'no machine of this name is found';
  if (/redirect/i.test(messageOf(cause))) return 'it sends elsewhere (a redirect): write the address that it sends to';
  return messageOf(cause);
}
