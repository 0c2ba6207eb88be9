// `whet demo --task objects`: the whole one-shot job on a machine with nothing but this program. Draws photographs of four household things that the shipped
// model has never seen, adapts it to them, and measures the written file on fresh ones. Takes a folder to leave everything in.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdaptReport } from '../adapt/report.ts';
import { adapt } from '../adapt.ts';
import { shippedFile } from '../installation.ts';
import { rasterise } from '../preprocess/picture.ts';
import { createRuntime } from '../runtime/runtime.ts';
import type { Progress } from '../types.ts';
import { drawScene, things } from './scenes.ts';

export interface ObjectsDemoOptions {
  readonly directory: string;
  /** Photographs of each thing to learn from. */
  readonly photographs: number;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/** Never learned from; other seeds than the training pictures. */
const testPhotographs = 50;
const edge = 96;

const objectsModel = shippedFile('models/objects/model.onnx');

export async function objectsDemo({ directory, photographs, signal, progress }: ObjectsDemoOptions): Promise<AdaptReport> {
  const total = things.length * (photographs + testPhotographs);
  let drawn = 0;
  for (const [index, thing] of things.entries()) {
    for (const [split, count, firstSeed] of [
      ['train', photographs, 1],
      ['test', testPhotographs, 10_001],
    ] as const) {
      const folder = join(directory, split, thing);
      await mkdir(folder, { recursive: true });
      for (let number = 0; number < count; number += 1) {
        signal.throwIfAborted();
        const picture = await rasterise(drawScene(thing, index * 100_000 + firstSeed + number), edge);
        await writeFile(join(folder, `${String(number).padStart(3, '0')}.jpg`), picture);
        progress(++drawn, total, 'pictures');
      }
    }
  }
  return adapt({
    model: objectsModel,
    data: join(directory, 'train'),
    test: join(directory, 'test'),
    cut: { kind: 'layers', layers: 1 },
    classes: 'replace',
    learner: 'auto',
    runtime: createRuntime(),
    seed: 1,
    force: false,
    out: join(directory, 'mine.onnx'),
    signal,
    progress,
  });
}
