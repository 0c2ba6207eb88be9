// What is kept for a start on a full disk, and when it is given up. On a disk that is really full: test/e2e/faults.test.ts.
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keepReserve, withReserve } from '../../agent/engine/reserve.ts';
import { WhetError } from '../../agent/errors.ts';
import { createLog } from '../../agent/log.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whet-reserve-'));
  path = join(folder, 'reserve');
});
afterEach(() => rmSync(folder, { recursive: true }));

const log = createLog('silent');
/** Works where the blocks were given up. */
const needsRoom = () => {
  if (existsSync(path)) throw new WhetError('disk-full', 'no room');
  return 'done';
};

it('is used up where there is no room, and kept again afterwards', async () => {
  keepReserve(path);
  expect(statSync(path).size).toBe(65_536);
  expect(await withReserve(path, log, needsRoom)).toBe('done');
  expect(existsSync(path)).toBe(false);
  keepReserve(path);
  expect(statSync(path).size).toBe(65_536);
});

it('does not help twice, nor against anything else', async () => {
  const full = () => {
    throw new WhetError('disk-full', 'no room');
  };
  await expect(withReserve(path, log, full)).rejects.toThrow('no room');
  keepReserve(path);
  await expect(withReserve(path, log, full)).rejects.toThrow('no room');
  keepReserve(path);
  const broken = () => {
    throw new WhetError('store-corrupt', 'torn');
  };
  await expect(withReserve(path, log, broken)).rejects.toThrow('torn');
  expect(existsSync(path)).toBe(true);
});

it('is no reserve where only a part of it could be written, and nothing where it cannot be at all', async () => {
  writeFileSync(path, 'a part');
  await expect(withReserve(path, log, needsRoom)).rejects.toThrow('no room');
  keepReserve(path);
  expect(statSync(path).size).toBe(65_536);
  keepReserve(join(folder, 'no such folder', 'reserve'));
});
