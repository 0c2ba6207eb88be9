// `whet models pull NAME`: a public model, checked against the catalog's size and hash, and a ready card beside it. Takes it from its origin or
// from a mirror (a folder or an address); appears under its name whole or not at all; refuses to overwrite another file.
import { copyFile, rm, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { moveInto, replaceFile, requireWritable } from '../adapt/output-file.ts';
import { messageOf, WhetError } from '../errors.ts';
import type { Progress } from '../types.ts';
import { type Catalog, type CatalogModel, modelNamed } from './catalog.ts';
import { download, hashOfFile } from './download.ts';

export interface PullOptions {
  readonly name: string;
  readonly out?: string;
  /** A folder, or an http(s) address below which the file lies by its name. */
  readonly from?: string;
  readonly proxy?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

export interface Pulled {
  readonly name: string;
  readonly file: string;
  /** null where the catalog does not know how a picture becomes the input. */
  readonly card: string | null;
  readonly bytes: number;
  readonly sha256: string;
  readonly licence: string;
  /** false: the file was there already. */
  readonly fetched: boolean;
}

export async function pull(catalog: Catalog, options: PullOptions): Promise<Pulled> {
  const model = modelNamed(catalog, options.name);
  const file = resolve(options.out ?? `${model.name}.onnx`);
  await requireWritable(file);
  const there = await isThere(file, model);
  if (!there) await fetchInto(file, catalog, model, options);
  return { name: model.name, file, card: await writeCard(file, model), ...pickFacts(model), fetched: !there };
}

function pickFacts({ bytes, sha256, licence }: CatalogModel) {
  return { bytes, sha256, licence };
}

async function isThere(file: string, { bytes, sha256 }: CatalogModel): Promise<boolean> {
  const found = await stat(file).catch(() => null);
  if (found === null) return false;
  if (found.isFile() && found.size === bytes && (await hashOfFile(file)) === sha256) return true;
  throw new WhetError('output-failed', `'${file}' is there, and is another file than the model`, {
    hint: 'Name another place with --out, or remove it first.',
  });
}

async function fetchInto(file: string, catalog: Catalog, model: CatalogModel, options: PullOptions): Promise<void> {
  const { from, proxy, env, signal, progress } = options;
  const part = join(dirname(file), `.${basename(file)}.part`);
  const isAddress = from !== undefined && /^https?:\/\//i.test(from);
  if (from !== undefined && !isAddress) return copyFrom(from, model, part, file);
  const name = basename(model.path);
  const urls = from === undefined ? catalog.origins.map((origin) => `${origin}${model.path}`) : [`${from.replace(/\/+$/, '')}/${name}`];
  const { bytes, sha256 } = model;
  const told = (done: number) => progress(Math.round(done / 1024), Math.round(bytes / 1024), `${model.name} KB`);
  await download({ urls, bytes, sha256, part, proxies: proxiesOf(proxy, env), signal, progress: told });
  await moveInto(part, file);
}

/** What is named on the command line is for every address; else what the environment says. */
function proxiesOf(proxy: string | undefined, env: PullOptions['env']): Readonly<Record<string, string | undefined>> {
  if (proxy !== undefined) {
    if (!/^https?:\/\/./.test(proxy)) throw new WhetError('usage', `--proxy takes http://host:port, not '${proxy}'`);
    return { HTTP_PROXY: proxy, HTTPS_PROXY: proxy };
  }
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

async function copyFrom(folder: string, model: CatalogModel, part: string, file: string): Promise<void> {
  const source = join(folder, basename(model.path));
  try {
    const found = await stat(source).catch(() => null);
    if (!found?.isFile())
      throw new WhetError('download-failed', `there is no file '${source}'`, { hint: 'A mirror holds the files by name.' });
    const hash = found.size === model.bytes ? await copyFile(source, part).then(() => hashOfFile(part)) : null;
    if (hash !== model.sha256) {
      throw new WhetError('download-corrupt', `'${source}' is not the file that the catalog means (${found.size} bytes, sha256 ${hash})`);
    }
    await moveInto(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error instanceof WhetError ? error : new WhetError('output-failed', `'${file}' cannot be written: ${messageOf(error)}`);
  }
}

async function writeCard(file: string, model: CatalogModel): Promise<string | null> {
  if (model.input === null) return null;
  const path = join(dirname(file), `${basename(file, extname(file))}.json`);
  // Somebody may have corrected it.
  if ((await stat(path).catch(() => null)) !== null) return path;
  const card = {
    name: model.name,
    description: '1,000 classes of ImageNet',
    licence: model.licence,
    source: `ONNX Model Zoo, ${model.path}`,
    input: model.input,
    labels: [],
  };
  await replaceFile(path, Buffer.from(`${JSON.stringify(card, null, 2)}\n`));
  return path;
}
