// The first command on the npm versions that people have, each on a clean clone of what is committed, with a Node.js of its time.
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

function whyNot(): string | null {
  if (process.env.WHETSTONE_FRESH !== undefined) return 'scripts/fresh runs these tests itself';
  if (!existsSync(join(root, '.git')) || spawnSync('git', ['--version']).status !== 0) return 'needs git and a clone';
  if (spawnSync('npm', ['ping', '--fetch-retries=0', '--fetch-timeout=10000']).status !== 0) return 'needs npm and its registry';
  return null;
}

interface Row {
  readonly machine: string;
  readonly outcome: string;
}

const why = whyNot();

describe.skipIf(why !== null)(`scripts/fresh --quick${why === null ? '' : ` (skipped: ${why})`}`, () => {
  // Two at a time: what takes long is the network and the demo's listening.
  it.concurrent.each([
    ['8 and 10', ['npm 8', 'npm 10']],
    ['9 and the newest', ['npm 9', 'npm latest']],
  ])('passes with npm %s', { timeout: 900_000 }, async (_which, machines) => {
    const args = ['--quick', '--json', ...machines.flatMap((name) => ['--only', name])];
    // Not the packaged Node.js of these tests: a new machine's PATH.
    const env = {
      ...process.env,
      PATH: (process.env.PATH ?? '')
        .split(':')
        .filter((path) => !path.startsWith(root))
        .join(':'),
    };
    const { stdout } = await promisify(execFile)(join(root, 'scripts', 'fresh'), args, { env }).catch((error: { stdout: string }) => error);
    const rows = (JSON.parse(stdout) as { results: readonly Row[] }).results;
    expect(rows.map(({ outcome }) => outcome.split(';')[0])).toEqual(machines.map(() => 'passed'));
  });
});
