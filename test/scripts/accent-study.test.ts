// The accent study as a program: its smallest run on real recordings, and what it refuses.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const speech = fileURLToPath(new URL('../../../shared/data/fsdd/', import.meta.url));
const run = (...args: readonly string[]) =>
  spawnSync(process.execPath, ['scripts/accent-study.mjs', ...args], { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 24 });

describe('accent-study.mjs', () => {
  it('says how it is used', () => {
    expect(run(speech, '--parts', 'nothing')).toMatchObject({ status: 64, stderr: expect.stringContaining('usage: accent-study.mjs') });
  });

  it.skipIf(!existsSync(speech))('measures what few utterances do (needs ../shared/data/fsdd)', () => {
    const place = mkdtempSync(join(tmpdir(), 'whet-accent-'));
    try {
      // One speaker who was never heard, with three training recordings a digit, and one who was.
      for (let digit = 0; digit < 10; digit += 1)
        for (const [speaker, last] of [
          ['theo', 2],
          ['yweweler', 7],
        ] as const)
          for (let index = 0; index <= last; index += 1) {
            const name = `${digit}_${speaker}_${index}.wav`;
            symlinkSync(join(speech, name), join(place, name));
          }
      const { stdout, status, stderr } = run(
        place,
        '--known',
        'theo',
        '--counts',
        '1',
        '--draws',
        '1',
        '--parts',
        'fewShot',
        '--quick',
        '--json',
      );
      expect(stderr).toContain('yweweler, 1 a digit');
      expect(status).toBe(0);
      const { fewShot } = JSON.parse(stdout);
      expect(fewShot).toHaveLength(2);
      expect(fewShot[0]).toMatchObject({ speaker: 'yweweler', utterances: 1, shipped: { rows: 50, draws: 1 }, known: { rows: 30 } });
      expect(fewShot[0].shipped.value).toBeGreaterThan(0.7);
      expect(fewShot[0].shipped.low).toBeLessThanOrEqual(fewShot[0].shipped.value);
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  });
});
