// Labels that mean nothing, through the store, the trainer's own loop and the gate: next to nothing is released, whatever source shows them again and again.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
// @ts-expect-error a script without types
import { draw, openStudy } from '../../scripts/random-labels-study.mjs';
import { photograph, photographClasses } from '../images.ts';

const demo = fileURLToPath(new URL('../../models/spoken-digits/demo', import.meta.url));

async function originals(kind: string, seed: number): Promise<readonly Buffer[]> {
  if (kind !== 'microphone')
    return Promise.all(Array.from({ length: 24 }, (_, at) => photograph(photographClasses[at % 5]!, 100 * seed + at)));
  const names = readdirSync(demo).filter((name) => name.endsWith('.wav'));
  return names.slice(0, 24).map((name) => readFileSync(join(demo, name)));
}

it.each(['camera', 'folder', 'microphone'])('a %s', { timeout: 120_000 }, async (kind) => {
  const study = await openStudy(kind);
  const outcomes = [];
  for (const seed of [1, 2, 3]) outcomes.push(await draw(study, await originals(kind, seed), seed, 3));
  await study.embedder.close();
  // Each may be released by chance with a probability of a tenth; the script measures it on many draws of photographs.
  expect(outcomes.filter((showing) => showing !== null).length).toBeLessThanOrEqual(1);
});
