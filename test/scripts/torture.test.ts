// The rig: a short run of it on real devices, and that it notices what it is there to notice. Hours of it: scripts/torture --minutes 240.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
// @ts-expect-error a script without types
import { createLedger } from '../../scripts/rig/ledger.mjs';
import { toItsEnd } from '../run-program.ts';

const torture = fileURLToPath(new URL('../../scripts/torture', import.meta.url));

const run = (...args: readonly string[]) => toItsEnd(spawn(torture, args, { stdio: ['ignore', 'pipe', 'pipe'] }));

describe('scripts/torture', { timeout: 900_000 }, () => {
  it('kills devices twenty times, and everything that they promise holds', async () => {
    const { code, stdout, stderr } = await run('--kills', '20', '--minutes', '4', '--devices', '2', '--seed', '20', '--json');
    const result = JSON.parse(stdout);
    expect(result.problems, stderr).toEqual([]);
    expect(code).toBe(0);
    expect(result).toMatchObject({ seed: 20, devices: 2, counts: { starts: expect.any(Number), looks: expect.any(Number) } });
    // A machine on which everything takes minutes kills less often.
    expect(result.kills).toBeGreaterThan(5);
    expect(result.samples).toBeGreaterThanOrEqual(48);
    expect(result.labels).toBeGreaterThanOrEqual(40);
  });

  it('says how it is used', async () => {
    expect(await run('--minutes', 'soon')).toMatchObject({ code: 64, stderr: expect.stringContaining('Usage: scripts/torture') });
    expect(await run('--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('--seed') });
  });
});

describe('the ledger of the rig', () => {
  const disc = { id: 'A', file: 'disc/1.jpg', label: 'disc' };
  const plain = { id: 'B', file: '2.jpg', label: null };

  function ledgerOf() {
    const ledger = createLedger();
    ledger.dropped('disc/1.jpg');
    ledger.dropped('2.jpg');
    expect(ledger.compare([disc, plain], true)).toEqual([]);
    return ledger;
  }

  it.each([
    ['a sample that is gone', [disc], 'samples'],
    ['a file that is there twice', [disc, plain, { ...plain, id: 'C' }], 'samples'],
    ['a file that nobody dropped', [disc, plain, { ...plain, id: 'C', file: '3.jpg' }], 'samples'],
    ['a label of a folder that is gone', [{ ...disc, label: null }, plain], 'labels'],
  ])('notices %s', (_what, rows, promise) => {
    expect(
      ledgerOf()
        .compare(rows, true)
        .map(([broken]: [string]) => broken),
    ).toContain(promise);
  });

  it('wants a label once it is acknowledged, and takes either before', () => {
    const ledger = ledgerOf();
    ledger.wishLabel('B', 'ring');
    const labelled = { ...plain, label: 'ring' };
    for (const row of [plain, labelled]) expect(ledger.compare([disc, row], false)).toEqual([]);
    ledger.acknowledged('B', 'ring');
    expect(ledger.compare([disc, labelled], true)).toEqual([]);
    expect(ledger.compare([disc, plain], true)).toEqual([['labels', expect.stringContaining('sample B is null')]]);
  });

  it('keeps to what the first look after a cut says', () => {
    const ledger = ledgerOf();
    ledger.wishLabel('B', 'ring');
    ledger.unanswered('B');
    expect(ledger.compare([disc, plain], true)).toEqual([]);
    expect(ledger.compare([disc, { ...plain, label: 'ring' }], true)).toHaveLength(1);
  });

  it('wants what was forgotten to stay away, and nothing else to go', () => {
    const ledger = ledgerOf();
    ledger.wishForget('B');
    for (const rows of [[disc], [disc, plain]]) expect(ledger.compare(rows, false)).toEqual([]);
    ledger.forgetAnswered('B', true);
    expect(ledger.compare([disc], true)).toEqual([]);
    expect(ledger.compare([disc, plain], true)).toEqual([['forgotten', 'sample B is back']]);
    expect(ledger.compare([disc, { ...plain, id: 'C' }], true)).toEqual([['samples', expect.stringContaining('another sample now')]]);
  });
});
