// The manifest of a release as it stands on the disk: its schema, its reading, and the check of the files that it describes. Takes a
// directory, gives facts; refuses what is missing, oversized, of the wrong form, or not what its hash says (`release-invalid`).
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, WhetError } from '../errors.ts';
import type { ReleaseManifest } from '../types.ts';

/** Sequence number and the first eight hex digits of the artifact's hash. Nothing else becomes part of a path. */
export const versionPattern = /^\d{6}-[0-9a-f]{8}$/;

/** The files of a release that its manifest describes. */
export const describedFiles = { artifact: 'model.onnx', delta: 'delta.safetensors', master: 'master.safetensors' } as const;
export type DescribedFile = keyof typeof describedFiles;

export const manifestFile = 'manifest.json';
export const cardFile = 'card.json';

const maxManifestBytes = 4 * 1024 * 1024;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const text = z.string().max(500);
const proportion = z.object({ value: z.number(), samples: z.int().min(0), low: z.number(), high: z.number() }).nullable();
const file = <F extends string>(name: F) => z.object({ file: z.literal(name), bytes: z.int().min(0), sha256 });

export const manifestSchema = z.object({
  version: z.string().regex(versionPattern),
  createdAtMs: z.int(),
  base: z.object({ name: text, sha256, backbone: sha256, cut: text }),
  artifact: file('model.onnx'),
  delta: file('delta.safetensors'),
  master: file('master.safetensors'),
  classes: z.array(z.string().min(1).max(200)).min(1).max(100_000),
  learner: text,
  origin: text,
  run: text.nullable(),
  scores: z.object({ before: proportion, after: proportion }),
  roomBytes: z.number().optional(),
}) satisfies z.ZodType<ReleaseManifest>;

/** Reads and validates `<directory>/manifest.json`; the directory must bear the version's name. */
export async function readManifest(directory: string, version: string): Promise<ReleaseManifest> {
  const path = join(directory, manifestFile);
  const parsed = manifestSchema.safeParse(await readJson(path));
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw invalid(`'${path}' is not a manifest: ${problems.slice(0, 5).join('; ')}`);
  }
  if (parsed.data.version !== version) throw invalid(`'${path}' is of version ${parsed.data.version}, not ${version}`);
  return parsed.data;
}

/** Throws where a described file is missing or is not what the manifest says. */
export async function verifyFiles(directory: string, manifest: Pick<ReleaseManifest, DescribedFile>): Promise<void> {
  for (const kind of Object.keys(describedFiles) as DescribedFile[]) {
    const path = join(directory, describedFiles[kind]);
    const { bytes, sha256: wanted } = manifest[kind];
    const found = await describe(path);
    if (found.bytes !== bytes || found.sha256 !== wanted) {
      throw invalid(`'${path}' has ${found.bytes} bytes and sha256 ${found.sha256}; its manifest says ${bytes} and ${wanted}`);
    }
  }
}

async function describe(path: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  try {
    for await (const part of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(part);
    return { bytes: (await stat(path)).size, sha256: hash.digest('hex') };
  } catch (error) {
    throw invalid(`'${path}' cannot be read: ${messageOf(error)}`, error);
  }
}

async function readJson(path: string): Promise<unknown> {
  try {
    await using handle = await open(path, 'r');
    const { size } = await handle.stat();
    if (size > maxManifestBytes) throw new Error(`it has ${size} bytes, more than ${maxManifestBytes}`);
    return JSON.parse(await handle.readFile('utf8'));
  } catch (error) {
    throw invalid(`'${path}' cannot be read: ${messageOf(error)}`, error);
  }
}

function invalid(message: string, cause?: unknown): WhetError {
  return new WhetError('release-invalid', `release: ${message}`, { hint: 'Roll back to another release with `whet rollback`.', cause });
}
