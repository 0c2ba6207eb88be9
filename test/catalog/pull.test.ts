import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Catalog, type CatalogModel, modelNamed, readCatalog, shippedCatalog } from '../../agent/catalog/catalog.ts';
import { type PullOptions, pull } from '../../agent/catalog/pull.ts';
import { loadCard } from '../../agent/config/card.ts';
import { whet } from '../e2e/daemon.ts';
import { temporaryDirectory } from '../store/fixtures.ts';
import { type Answer, cut, proxy, serve, status, whole } from './server.ts';

const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7919) % 251));
const shipped = readCatalog(shippedCatalog);

function catalogOf(...origins: readonly string[]): Catalog {
  const model: CatalogModel = {
    ...modelNamed(shipped, 'mobilenetv2-12-int8'),
    ...{ name: 'small', path: 'a/b/small-1.onnx', bytes: bytes.length },
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
  return { ...shipped, origins: origins.map((origin) => `${origin}/`), models: [model] };
}

/** Pulls into a folder of its own; gives the folder and the outcome. */
function pullFrom(catalog: Catalog, options: Partial<PullOptions> = {}, folder = temporaryDirectory()) {
  const done: number[] = [];
  const outcome = pull(catalog, {
    ...{ name: 'small', out: join(folder, 'net.onnx'), env: {}, signal: new AbortController().signal },
    progress: (value) => done.push(value),
    ...options,
  });
  return { folder, outcome, done, files: () => readdirSync(folder).toSorted() };
}

/** A folder, and what a download there grows in. */
function emptyFolder(): readonly [folder: string, part: string] {
  const folder = temporaryDirectory();
  return [folder, join(folder, '.net.onnx.part')];
}

describe('whet models pull', () => {
  it('fetches a model, checks it, and writes a card that is valid', async () => {
    const server = await serve(whole(bytes));
    const { outcome, folder, done, files } = pullFrom(catalogOf(server.url));
    expect(await outcome).toMatchObject({ name: 'small', bytes: bytes.length, fetched: true });
    expect(readFileSync(join(folder, 'net.onnx')).equals(bytes)).toBe(true);
    expect(files()).toEqual(['net.json', 'net.onnx']);
    expect((await loadCard(join(folder, 'net.json'))).input).toMatchObject({ kind: 'image', width: 224, layout: 'nchw' });
    expect(done.at(-1)).toBe(Math.round(bytes.length / 1024));
    expect(await pullFrom(catalogOf(server.url), {}, folder).outcome).toMatchObject({ fetched: false });
    expect(server.asked).toEqual(['/a/b/small-1.onnx 0']);
  });

  it('goes on where the connection broke, within one call and in the next', async () => {
    const [folder, part] = emptyFolder();
    const server = await serve(cut(bytes, 100_000, part), cut(bytes, 50_000, part), whole(bytes));
    const { outcome } = pullFrom(catalogOf(server.url), {}, folder);
    await outcome;
    expect(readFileSync(join(folder, 'net.onnx')).equals(bytes)).toBe(true);
    expect(server.asked.map((line) => Number(line.split(' ')[1]))).toEqual([0, 100_000, 150_000]);

    const [other, otherPart] = emptyFolder();
    const dying = await serve(cut(bytes, 100_000, otherPart), status(404));
    const first = pullFrom(catalogOf(dying.url), {}, other);
    await expect(first.outcome).rejects.toMatchObject({ code: 'download-failed', message: expect.stringContaining('HTTP status 404') });
    expect(first.files()).toEqual(['.net.onnx.part']);
    const next = await serve(whole(bytes));
    await pullFrom(catalogOf(next.url), {}, first.folder).outcome;
    expect(next.asked).toEqual(['/a/b/small-1.onnx 100000']);
    expect(readFileSync(join(first.folder, 'net.onnx')).equals(bytes)).toBe(true);
  });

  it('begins anew at a server that knows no ranges, and takes the second origin where the first has nothing', async () => {
    const [folder, part] = emptyFolder();
    const plain = await serve(cut(bytes, 1000, part), (request, response) => whole(bytes)(request, response, 0));
    const { outcome } = pullFrom(catalogOf((await serve(status(410))).url, plain.url), {}, folder);
    await outcome;
    expect(readFileSync(join(folder, 'net.onnx')).equals(bytes)).toBe(true);
  });

  it.each([
    ['another content of the same length', () => whole(Buffer.from(bytes).fill(1, 7, 8)), 'sha256'],
    ['a file of another length', () => whole(bytes.subarray(1)), 'the server has 299999 bytes'],
    ['more bytes than it should have, unannounced', () => endless(), 'more than the 300000 bytes'],
    ['a range that was not asked for', () => wrongRange(), "gives 'bytes 5-"],
  ])('refuses %s, and keeps nothing of it', async (_what, answer, reason) => {
    const server = await serve(answer());
    const folder = temporaryDirectory();
    if (reason.startsWith('gives')) writeFileSync(join(folder, '.net.onnx.part'), bytes.subarray(0, 10));
    const { outcome, files } = pullFrom(catalogOf(server.url), {}, folder);
    await expect(outcome).rejects.toMatchObject({ code: 'download-corrupt', message: expect.stringContaining(reason) });
    expect(files()).not.toContain('net.onnx');
    expect(files()).not.toContain('net.json');
  });

  it('follows a redirection, but not for ever', async () => {
    const server = await serve(whole(bytes));
    const { outcome } = pullFrom(catalogOf((await serve(status(302, { location: `${server.url}/elsewhere` }))).url));
    expect(await outcome).toMatchObject({ fetched: true });
    expect(server.asked).toEqual(['/elsewhere 0']);
    const round = await serve(status(302, { location: '/again' }));
    await expect(pullFrom(catalogOf(round.url)).outcome).rejects.toMatchObject({
      code: 'download-failed',
      message: expect.stringContaining('more than 5 redirections'),
    });
  });

  it('goes through a proxy, by option or environment', async () => {
    const server = await serve(whole(bytes));
    const gate = await proxy();
    await pullFrom(catalogOf(server.url), { proxy: gate.url }).outcome;
    await pullFrom(catalogOf(server.url), { env: { http_proxy: gate.url } }).outcome;
    await pullFrom(catalogOf(server.url), { env: { http_proxy: gate.url, no_proxy: '127.0.0.1' } }).outcome;
    expect(gate.asked).toEqual(Array(2).fill(`GET ${server.url}/a/b/small-1.onnx`));
    // An encrypted origin is reached through a tunnel: nothing answers there, but the proxy was asked for it.
    const port = new URL(server.url).port;
    await expect(pullFrom(catalogOf(`https://127.0.0.1:${port}`), { proxy: gate.url }).outcome).rejects.toMatchObject({
      code: 'download-failed',
    });
    expect(gate.asked.at(-1)).toBe(`CONNECT 127.0.0.1:${port}`);
    await expect(pullFrom(catalogOf(server.url), { proxy: 'gate:3128' }).outcome).rejects.toMatchObject({ code: 'usage' });
  });

  it('takes it from a mirror: an address, or a folder', async () => {
    const server = await serve(whole(bytes));
    const nowhere = catalogOf('http://127.0.0.1:1');
    await pullFrom(nowhere, { from: `${server.url}/mirror/` }).outcome;
    expect(server.asked).toEqual(['/mirror/small-1.onnx 0']);
    const mirror = temporaryDirectory();
    await expect(pullFrom(nowhere, { from: mirror }).outcome).rejects.toMatchObject({ code: 'download-failed' });
    writeFileSync(join(mirror, 'small-1.onnx'), bytes.subarray(5));
    const broken = pullFrom(nowhere, { from: mirror });
    await expect(broken.outcome).rejects.toMatchObject({ code: 'download-corrupt' });
    expect(broken.files()).toEqual([]);
    writeFileSync(join(mirror, 'small-1.onnx'), bytes);
    expect(await pullFrom(nowhere, { from: mirror }).outcome).toMatchObject({ fetched: true });
  });

  it('overwrites no other file, and no card that somebody wrote', async () => {
    const server = await serve(whole(bytes));
    const folder = temporaryDirectory();
    writeFileSync(join(folder, 'net.onnx'), 'mine');
    await expect(pullFrom(catalogOf(server.url), {}, folder).outcome).rejects.toMatchObject({ code: 'output-failed' });
    const other = temporaryDirectory();
    writeFileSync(join(other, 'net.json'), '{"name": "mine"}');
    await pullFrom(catalogOf(server.url), {}, other).outcome;
    expect(readFileSync(join(other, 'net.json'), 'utf8')).toBe('{"name": "mine"}');
    expect(server.asked).toHaveLength(1);
  });

  it('stops when it is told to', async () => {
    const abort = new AbortController();
    const server = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 10), () => abort.abort());
    });
    const { outcome, files } = pullFrom(catalogOf(server.url), { signal: abort.signal });
    await expect(outcome).rejects.toThrow();
    expect(files()).not.toContain('net.onnx');
  });
});

describe('the catalog', () => {
  it('knows each model once, and its cards are valid where the input is known', async () => {
    expect(new Set(shipped.models.map(({ name }) => name)).size).toBe(shipped.models.length);
    expect(shipped.models.filter(({ input }) => input === null).map(({ name }) => name)).toEqual(['densenet-12-int8']);
    expect(() => modelNamed(shipped, 'mobilenet-v2-12-int8')).toThrow('no model of the catalog');
  });

  it('is listed and used by the command line', async () => {
    const mirror = temporaryDirectory();
    const listed = (await whet('models', 'pull', '--json')).json<Catalog>();
    expect(listed.models).toEqual(shipped.models);
    const text = await whet('models', 'pull');
    expect(text.stdout).toMatch(/mobilenetv2-12-int8 +QOperator +3\.5 MB/);
    mkdirSync(join(mirror, 'empty'));
    const missing = await whet('models', 'pull', 'squeezenet1.0-12-int8', '--from', join(mirror, 'empty'), '--out', join(mirror, 'x.onnx'));
    expect([missing.code, missing.stdout]).toEqual([69, '']);
    const unknown = await whet('models', 'pull', 'mobilenet', '--json');
    expect(unknown.code).toBe(64);
    expect(unknown.json<{ error: { code: string } }>().error.code).toBe('usage');
    expect(existsSync(join(mirror, 'x.onnx'))).toBe(false);
  });
});

function endless(): Answer {
  return (_request, response) => {
    response.writeHead(200);
    const more = () => response.write(bytes, () => setTimeout(more, 1));
    more();
  };
}

function wrongRange(): Answer {
  return (_request, response) => {
    response.writeHead(206, { 'content-range': `bytes 5-${bytes.length - 1}/${bytes.length}` });
    response.end(bytes.subarray(5));
  };
}
