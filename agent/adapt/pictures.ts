// Files of pictures → input tensors, read and decoded ahead of whoever consumes them; and → features. Files that cannot be read are counted
// and named, and stop nothing.
import { readFile, stat } from 'node:fs/promises';
import type { ImageInput } from '../config/card.ts';
import { messageOf, WhetError } from '../errors.ts';
import type { Embedder } from '../model/embed.ts';
import { preprocessImage } from '../preprocess/image.ts';
import { maxPictureBytes } from '../preprocess/picture.ts';
import type { FeatureSet, Progress } from '../types.ts';
import type { LabelledFile } from './class-folders.ts';

/** Pictures decoded ahead: one is enough to keep the runtime busy, a few even out slow files. */
const ahead = 3;
/** Features held at once: 1 GiB of them, 200,000 pictures of 1,280 numbers. */
const mostNumbers = 2 ** 28;

export interface ReadOptions {
  readonly input: ImageInput;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: Progress | undefined;
  /** For progress: what is being done. */
  readonly what: string;
}

export interface Unreadable {
  readonly path: string;
  readonly reason: string;
}

interface Read {
  readonly data: Float32Array;
  readonly hash: bigint;
}

type Decoded = { readonly kind: 'read'; readonly picture: Read } | { readonly kind: 'unreadable'; readonly reason: string };

/** Calls `visit` for every readable picture, one at a time and in order; gives the others. */
export async function readPictures(
  files: readonly LabelledFile[],
  options: ReadOptions,
  visit: (picture: Read, file: LabelledFile) => Promise<void>,
): Promise<readonly Unreadable[]> {
  const unreadable: Unreadable[] = [];
  const waiting: Promise<() => Decoded>[] = [];
  let next = 0;
  for (const [index, file] of files.entries()) {
    options.signal?.throwIfAborted();
    while (next < files.length && waiting.length < ahead) waiting.push(decode((files[next++] as LabelledFile).path, options.input));
    const decoded = ((await waiting.shift()) as () => Decoded)();
    if (decoded.kind === 'read') await visit(decoded.picture, file);
    else unreadable.push({ path: file.path, reason: decoded.reason });
    options.progress?.(index + 1, files.length, options.what);
  }
  return unreadable;
}

export interface EmbeddedFiles {
  readonly set: FeatureSet;
  /** The same pictures seen in a mirror, row by row; null where nobody asked. */
  readonly mirrored: FeatureSet | null;
  /** The file of each row. */
  readonly files: readonly LabelledFile[];
  readonly unreadable: readonly Unreadable[];
}

/**
 * Equal pictures of one class (by perceptual hash) are one group, so that a copy never judges its original. Throws `data-unusable` for more
 * features than memory should hold.
 */
export async function embedFiles(
  files: readonly LabelledFile[],
  embedder: Embedder,
  width: number,
  options: ReadOptions & { readonly mirror?: boolean },
): Promise<EmbeddedFiles> {
  if (files.length * width > mostNumbers) {
    throw new WhetError('data-unusable', `${files.length} pictures of ${width} features do not fit into memory`, {
      hint: `At most ${Math.floor(mostNumbers / width)} pictures can be taken at once with this cut; train fewer layers or take fewer.`,
    });
  }
  const features = new Float32Array(files.length * width);
  const reflections = new Float32Array(options.mirror === true ? features.length : 0);
  const rows: LabelledFile[] = [];
  const groups: number[] = [];
  const groupOf = new Map<string, number>();
  const unreadable = await readPictures(files, options, async ({ data, hash }, file) => {
    features.set(await embedder.embed(data), rows.length * width);
    if (options.mirror === true) reflections.set(await embedder.embed(reflect(data, options.input)), rows.length * width);
    rows.push(file);
    const key = `${file.label} ${hash}`;
    const group = groupOf.get(key) ?? groupOf.size;
    groupOf.set(key, group);
    groups.push(group);
  });
  const count = rows.length;
  const labels = Int32Array.from(rows, (file) => file.label);
  const set = { features: features.subarray(0, count * width), count, width, labels, groups: Int32Array.from(groups) };
  const mirrored = options.mirror === true ? { ...set, features: reflections.subarray(0, count * width) } : null;
  return { set, mirrored, files: rows, unreadable };
}

/** Left and right exchanged in one sample of the card's layout. */
export function reflect(data: Float32Array, { width, height, layout }: Pick<ImageInput, 'width' | 'height' | 'layout'>): Float32Array {
  // Numbers that stay together: one in nchw, a pixel's channels in nhwc.
  const together = layout === 'nchw' ? 1 : data.length / (width * height);
  const row = width * together;
  return Float32Array.from(data, (_, at) => {
    const column = Math.floor((at % row) / together);
    return data[at + (width - 1 - 2 * column) * together]!;
  });
}

/** Never rejects, so that a picture decoded ahead cannot fail unheard: what went wrong is thrown when the result is taken. */
async function decode(path: string, input: ImageInput): Promise<() => Decoded> {
  try {
    const { size } = await stat(path);
    if (size > maxPictureBytes) {
      const reason = `${Math.round(size / 1024 / 1024)} MB, more than the ${maxPictureBytes / 1024 / 1024} MB that a picture may have`;
      return () => ({ kind: 'unreadable', reason });
    }
    const picture = await preprocessImage(await readFile(path), input);
    return () => ({ kind: 'read', picture });
  } catch (error) {
    const isFile = error instanceof Error && 'syscall' in error;
    if (isFile || (error instanceof WhetError && error.code === 'image-unreadable'))
      return () => ({ kind: 'unreadable', reason: messageOf(error) });
    return () => {
      throw error;
    };
  }
}
