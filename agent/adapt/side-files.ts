// What a model knew, brought up to date and written beside the model that was made of it, so that the next adaptation forgets neither: statistics
// with the captures that were learned from, and golden rows with those that judged. Writes nothing where it would speak for classes that it knows
// nothing of, and never over the files of another model.

import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, join, parse } from 'node:path';
import type { ClassMode } from '../candidate/class-plan.ts';
import { gatherStatistics, oneHot } from '../learn/ridge/gather.ts';
import { withLesson } from '../learn/ridge/keep-known.ts';
import { extendStatistics, type Statistics } from '../learn/ridge/statistics.ts';
import { shiftOfStatistics } from '../learn/shift.ts';
import { loadKnowledge } from '../model/knowledge.ts';
import type { Classifier } from '../model/open.ts';
import { hasSameBackbone } from '../model/same-backbone.ts';
import { decodeSafeTensors, encodeSafeTensors } from '../onnx/codec/safetensors.ts';
import type { Model } from '../onnx/ir.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { FeatureSet } from '../types.ts';
import { replaceFile } from './output-file.ts';

export interface Sides {
  readonly statistics: string | null;
  readonly golden: string | null;
}

export interface SideFilesInput {
  readonly from: string;
  readonly out: string;
  readonly written: Model;
  readonly classifier: Classifier;
  readonly mode: ClassMode;
  readonly classes: number;
  readonly train: FeatureSet;
  /** Rows that judged; null without any. */
  readonly judging: FeatureSet | null;
  readonly runtime: Runtime;
}

type Name = 'statistics' | 'golden';

export async function writeSides(input: SideFilesInput): Promise<Sides> {
  const { out, written, classifier } = input;
  const { tail } = classifier;
  // Another cut of the new model would have other features.
  const isSame = tail.head?.input === tail.input && tail.head.width === classifier.features.width && hasSameBackbone(written, classifier);
  const statistics = isSame ? await updatedStatistics(input) : null;
  const golden = isSame ? updatedGolden(input) : null;
  return {
    statistics: await write(out, 'statistics', statistics, classifier),
    golden: await write(out, 'golden', golden, classifier),
  };
}

interface Content {
  readonly tensors: Parameters<typeof encodeSafeTensors>[0]['tensors'];
  readonly metadata: Readonly<Record<string, string>>;
}

async function updatedStatistics({ from, classifier, mode, classes, train, runtime }: SideFilesInput): Promise<Content | null> {
  const targets = oneHot(train.labels.subarray(0, train.count), classes);
  if (mode === 'replace') return contentOf(await gatherStatistics(train, targets, classes, runtime), 1);
  const { statistics, lessons } = loadKnowledge(from, classifier);
  if (statistics === null) return null;
  const own = await gatherStatistics(train, targets, classes, runtime, shiftOfStatistics(statistics));
  return contentOf(withLesson(extendStatistics(statistics, classes), lessons, own), lessons + 1);
}

function contentOf({ width, classes, gram, moment, weight, shift }: Statistics, lessons: number): Content {
  const side = width + 1;
  return {
    tensors: new Map([
      ['gram', { dtype: 'float32', dims: [side, side], data: gram }],
      ['moment', { dtype: 'float32', dims: [side, classes], data: moment }],
      ...(shift === undefined ? [] : [['shift', { dtype: 'float32', dims: [width], data: shift }] as const]),
    ]),
    metadata: { weight: String(weight), lessons: String(lessons) },
  };
}

function updatedGolden({ from, classifier, mode, classes, judging }: SideFilesInput): Content | null {
  const { golden } = mode === 'replace' ? { golden: null } : loadKnowledge(from, classifier);
  const judged = judging === null ? [] : Array.from({ length: judging.count }, (_, row) => row);
  const covers = mode === 'replace' && new Set(judged.map((row) => judging!.labels[row])).size === classes;
  if (golden === null && !covers) return null;
  const { width } = classifier.features;
  // As many new rows as old ones at most: neither drowns the other.
  const step = golden === null ? 1 : Math.max(1, Math.ceil(judged.length / golden.count));
  const rows = judged.filter((_, at) => at % step === 0);
  const features = new Float32Array(((golden?.count ?? 0) + rows.length) * width);
  features.set(golden?.features ?? []);
  for (const [at, row] of rows.entries())
    features.set(judging!.features.subarray(row * width, (row + 1) * width), ((golden?.count ?? 0) + at) * width);
  const labels = Int32Array.from([...(golden?.labels ?? []), ...rows.map((row) => judging!.labels[row]!)]);
  return {
    tensors: new Map([
      ['features', { dtype: 'float32', dims: [labels.length, width], data: features }],
      ['labels', { dtype: 'int32', dims: [labels.length], data: labels }],
    ]),
    metadata: {},
  };
}

/** null where there is nothing to say; what an earlier run wrote for the same model then goes, since it is true no more. */
async function write(out: string, name: Name, content: Content | null, classifier: Classifier): Promise<string | null> {
  const path = pathFor(out, name);
  if (content === null) {
    if (ownerOf(path) === basename(out)) await rm(path, { force: true });
    return null;
  }
  const metadata = { backbone: classifier.backboneHash, cut: classifier.cut.tensor, model: basename(out), ...content.metadata };
  await replaceFile(path, encodeSafeTensors({ tensors: content.tensors, metadata }));
  return path;
}

/** The name that a model folder has it under, or, where another model's file stands there, one that begins with the model's name. */
function pathFor(out: string, name: Name): string {
  const plain = join(dirname(out), `${name}.safetensors`);
  return !existsSync(plain) || ownerOf(plain) === basename(out) ? plain : join(dirname(out), `${parse(out).name}.${name}.safetensors`);
}

function ownerOf(path: string): string | null {
  try {
    return decodeSafeTensors(readFileSync(path)).metadata.model ?? null;
  } catch {
    return null;
  }
}
