// Files of pictures → input tensors, read and decoded ahead of whoever consumes them; and → features. Files that cannot be read are counted
// and named, and stop nothing.
import { readFile, stat } from 'node:fs/promises';
import { pathBytes } from '../capture/file-names.ts';
import type { InputSpec } from '../config/card.ts';
import { messageOf, WhetError } from '../errors.ts';
import type { Embedder } from '../model/embed.ts';
import type { InputWatch } from '../model/input-range.ts';
import { isUnreadable, openCapture } from '../preprocess/capture-input.ts';
import { maxPictureBytes } from '../preprocess/picture.ts';
import type { FeatureSet, Progress } from '../types.ts';
import type { LabelledFile } from './class-folders.ts';
import { groupAlike } from './likeness.ts';

/** Pictures decoded ahead: one is enough to keep the runtime busy, a few even out slow files. */
const ahead = 3;
/** Features held at once: 1 GiB of them, 200,000 pictures of 1,280 numbers. */
const mostNumbers = 2 ** 28;

export interface ReadOptions {
  readonly input: InputSpec;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: Progress | undefined;
  /** For progress: what is being done. */
  readonly what: string;
  /** Sees every input tensor. */
  readonly watch?: InputWatch | null;
}

export interface Unreadable {
  readonly path: string;
  readonly reason: string;
}

interface Read {
  readonly data: Float32Array;
  readonly hash: bigint;
  readonly views: readonly Float32Array[];
}

type Decoded = { readonly kind: 'read'; readonly picture: Read } | { readonly kind: 'unreadable'; readonly reason: string };

/** Calls `visit` for every readable picture, one at a time and in order; gives the others. */
export async function readPictures(
  files: readonly LabelledFile[],
  options: ReadOptions & { readonly views?: number },
  visit: (picture: Read, file: LabelledFile) => Promise<void>,
): Promise<readonly Unreadable[]> {
  const refused: Unreadable[] = [];
  const waiting: Promise<() => Decoded>[] = [];
  let next = 0;
  for (const [index, file] of files.entries()) {
    options.signal?.throwIfAborted();
    while (next < files.length && waiting.length < ahead)
      waiting.push(decode((files[next++] as LabelledFile).path, options.input, options.views ?? 0));
    const decoded = ((await waiting.shift()) as () => Decoded)();
    if (decoded.kind === 'read') {
      options.watch?.see(decoded.picture.data);
      await visit(decoded.picture, file);
    }
    if (decoded.kind === 'unreadable') refused.push({ path: file.path, reason: decoded.reason });
    options.progress?.(index + 1, files.length, options.what);
  }
  return refused;
}

export interface EmbeddedFiles {
  readonly set: FeatureSet;
  /** The same captures as they might have been (mirrored, louder, faster …), row by row; as many sets as were asked for. */
  readonly views: readonly FeatureSet[];
  /** The file of each row. */
  readonly files: readonly LabelledFile[];
  /** Perceptual hash of each row. */
  readonly hashes: readonly bigint[];
  readonly unreadable: readonly Unreadable[];
}

/**
 * Equal and nearly equal captures are one group, also under two labels, so that a copy never judges its original. Throws `data-unusable` for more
 * features than memory should hold.
 */
export async function embedFiles(
  files: readonly LabelledFile[],
  embedder: Embedder,
  width: number,
  options: ReadOptions & { readonly views?: number },
): Promise<EmbeddedFiles> {
  if (files.length * width > mostNumbers) {
    throw new WhetError('data-unusable', `${files.length} captures of ${width} features do not fit into memory`, {
      hint: `At most ${Math.floor(mostNumbers / width)} captures can be taken at once with this cut; train fewer layers or take fewer.`,
    });
  }
  const features = new Float32Array(files.length * width);
  const seen = Array.from({ length: options.views ?? 0 }, () => new Float32Array(features.length));
  const rows: LabelledFile[] = [];
  const hashes: bigint[] = [];
  const unreadable = await readPictures(files, options, async ({ data, hash, views }, file) => {
    features.set(await embedder.embed(data), rows.length * width);
    for (const [index, view] of views.entries()) seen[index]?.set(await embedder.embed(view), rows.length * width);
    rows.push(file);
    hashes.push(hash);
  });
  const count = rows.length;
  const labels = Int32Array.from(rows, (file) => file.label);
  const set = {
    features: features.subarray(0, count * width),
    count,
    width,
    labels,
    groups: groupAlike({ hashes, features, width, labels }),
  };
  const views = seen.map((rows) => ({ ...set, features: rows.subarray(0, count * width) }));
  return { set, views, files: rows, hashes, unreadable };
}

/** Never rejects, so that a picture decoded ahead cannot fail unheard: what went wrong is thrown when the result is taken. */
async function decode(path: string, input: InputSpec, views: number): Promise<() => Decoded> {
  try {
    const at = pathBytes(path);
    const { size } = await stat(at);
    if (size > maxPictureBytes) {
      const reason = `${Math.round(size / 1024 / 1024)} MB, more than the ${maxPictureBytes / 1024 / 1024} MB that a capture may have`;
      return () => ({ kind: 'unreadable', reason });
    }
    const bytes = await readFile(at);
    const opened = await openCapture(bytes, input);
    const picture = { ...opened.plain, views: opened.views(views) };
    return () => ({ kind: 'read', picture });
  } catch (error) {
    const isFile = error instanceof Error && 'syscall' in error;
    if (isFile || isUnreadable(error)) return () => ({ kind: 'unreadable', reason: messageOf(error) });
    return () => {
      throw error;
    };
  }
}
