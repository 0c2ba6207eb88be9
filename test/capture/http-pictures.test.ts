// Cameras that are asked over HTTP, as real servers: one picture, a stream, a login, and everything that goes wrong.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type PictureAddress, readPictures } from '../../agent/capture/http-pictures.ts';
import { photograph } from '../images.ts';

const place = mkdtempSync(join(tmpdir(), 'whet-http-'));
const passwordFile = join(place, 'password');
let picture: Buffer;
beforeAll(async () => {
  picture = Buffer.from(await photograph('disc', 1));
  writeFileSync(passwordFile, 'open sesame\n');
});
afterAll(() => rmSync(place, { recursive: true }));

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function camera(answer: Answer): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/shot.jpg?size=2`;
}

/** Reads until so many pictures came, or it ends. */
async function take(url: string, count: number, change: Partial<PictureAddress> = {}) {
  const abort = new AbortController();
  const pictures: Uint8Array[] = [];
  let broken = 0;
  const frames = {
    onFrame(bytes: Uint8Array) {
      pictures.push(bytes);
      if (pictures.length >= count) abort.abort();
    },
    onBroken: (more: number) => {
      broken += more;
    },
  };
  const reason = await readPictures({ url, intervalMs: 1, stallMs: 20_000, ...change }, frames, abort.signal);
  return { reason, pictures, broken };
}

const shot: Answer = (_request, response) => void response.writeHead(200, { 'content-type': 'image/jpeg' }).end(picture);

describe('an address of a camera', () => {
  it('that gives one picture is asked again and again', async () => {
    let questions = 0;
    const url = await camera((request, response) => {
      questions += 1;
      shot(request, response);
    });
    const { reason, pictures } = await take(url, 3);
    expect(reason).toBe('stopped');
    expect(pictures).toEqual(
      [picture, picture, picture].map((bytes) => new Uint8Array(bytes)).map((bytes) => expect.objectContaining(bytes)),
    );
    expect(questions).toBe(3);
  });

  it('that gives a stream is read as it comes, in whatever pieces', async () => {
    const url = await camera((_request, response) => {
      response.writeHead(200, { 'content-type': 'multipart/x-mixed-replace; boundary=frame' });
      const part = Buffer.concat([Buffer.from(`--frame\r\nContent-Type: image/jpeg\r\n\r\n`), picture, Buffer.from('\r\n')]);
      const timer = setInterval(() => {
        for (let at = 0; at < part.length; at += 1000) response.write(part.subarray(at, at + 1000));
      }, 5);
      response.on('close', () => clearInterval(timer));
    });
    const { reason, pictures } = await take(url, 4);
    expect(reason).toBe('stopped');
    for (const bytes of pictures) expect(Buffer.compare(bytes, picture)).toBe(0);
  });

  it.each(['Basic', 'Digest', 'Digest with qop', 'Digest with SHA-256'])(
    'asks for a login: %s; the password goes only there',
    async (kind) => {
      const hash = (text: string) =>
        createHash(kind.includes('256') ? 'sha256' : 'md5')
          .update(text)
          .digest('hex');
      const parts = ['realm="cam"', 'nonce="abc"', ...(kind === 'Digest' ? [] : ['qop="auth,auth-int"', 'opaque="o"'])];
      const challenge =
        kind === 'Basic' ? 'Basic realm="cam"' : `Digest ${[...parts, ...(kind.includes('256') ? ['algorithm=SHA-256'] : [])].join(', ')}`;
      const isRight = (header: string) => {
        if (kind === 'Basic') return header === `Basic ${Buffer.from('maker:open sesame').toString('base64')}`;
        const field = (name: string) => new RegExp(`${name}="?([^",]*)`).exec(header)?.[1] ?? '';
        const middle = kind === 'Digest' ? 'abc' : `abc:${field('nc')}:${field('cnonce')}:auth`;
        return field('response') === hash(`${hash('maker:cam:open sesame')}:${middle}:${hash('GET:/shot.jpg?size=2')}`);
      };
      const url = await camera((request, response) => {
        if (isRight(request.headers.authorization ?? '')) return shot(request, response);
        response.writeHead(401, { 'www-authenticate': challenge }).end();
      });
      expect((await take(url, 2, { username: 'maker', passwordFile })).pictures).toHaveLength(2);
      const wrong = join(place, 'wrong');
      writeFileSync(wrong, 'nonsense\n');
      expect((await take(url, 1, { username: 'maker', passwordFile: wrong })).reason).toContain('refuses this user or password (401)');
      expect((await take(url, 1)).reason).toContain('set username and passwordFile');
    },
  );

  it.each<readonly [string, Answer, string]>([
    ['is not there', (_, response) => void response.writeHead(404).end(), 'has nothing at this address (404)'],
    ['has trouble', (_, response) => void response.writeHead(503).end('busy'), 'answered 503'],
    [
      'gives a page',
      (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Log in</html>'),
      'gave 19 bytes of text/html, and no JPEG picture',
    ],
    [
      'sends elsewhere',
      (_, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
      'it sends elsewhere (a redirect)',
    ],
    [
      'hangs',
      (_, response) => void response.writeHead(200, { 'content-type': 'image/jpeg' }).write(picture.subarray(0, 100)),
      'gave no picture for 0.2 s',
    ],
    ['hangs up', (request) => void request.socket.destroy(), '127.0.0.1'],
  ])('that %s says so', async (_what, answer, sentence) => {
    const { reason, pictures } = await take(await camera(answer), 1, { stallMs: 200 });
    expect(reason).toContain(sentence);
    expect(pictures).toEqual([]);
  });

  it('where nothing listens says so', async () => {
    // A port that was free a moment ago.
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    expect((await take(`http://127.0.0.1:${port}/`, 1)).reason).toBe(`127.0.0.1:${port}: nothing listens there`);
  });

  it('counts pictures that are cut off', async () => {
    const url = await camera((_request, response) => {
      response.writeHead(200, { 'content-type': 'multipart/x-mixed-replace; boundary=f' });
      response.write(Buffer.concat([picture, picture.subarray(0, 200), picture, picture]));
    });
    // The one behind the cut goes with it: where it begins cannot be told from the data of the one before.
    const { pictures, broken } = await take(url, 2);
    expect({ pictures: pictures.length, broken }).toEqual({ pictures: 2, broken: 1 });
  });
});
