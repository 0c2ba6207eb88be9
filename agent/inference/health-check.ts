// The first health check of a release: its tail gives one finite probability for each of its classes. Throws `release-invalid` where not.

import { WhetError } from '../errors.ts';
import type { TailRunner } from '../model/classify.ts';
import type { TailChoice } from '../types.ts';

export async function requireHealthy(runner: TailRunner, release: TailChoice, width: number): Promise<void> {
  const { probabilities } = await runner.classify(new Float32Array(width));
  if (probabilities.length === release.classes.length && probabilities.every(Number.isFinite)) return;
  throw new WhetError(
    'release-invalid',
    `release ${release.version} gives [${probabilities.slice(0, 5)}…] for ${release.classes.length} classes`,
    {
      hint: 'Roll back with `whet rollback`.',
    },
  );
}
