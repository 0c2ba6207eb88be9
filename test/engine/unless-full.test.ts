// What of the start may wait for room on the disk.
import { expect, it } from 'vitest';
import { unlessFull } from '../../agent/engine/unless-full.ts';
import { WhetError } from '../../agent/errors.ts';
import { createLog } from '../../agent/log.ts';

const fails = (code: 'disk-full' | 'store-failed') => () => {
  throw new WhetError(code, 'no');
};

it('puts off what a full disk prevents, and nothing else', async () => {
  const log = createLog('silent');
  await unlessFull(log, 'later', fails('disk-full'));
  await unlessFull(log, 'later', async () => fails('disk-full')());
  await expect(unlessFull(log, 'later', fails('store-failed'))).rejects.toMatchObject({ code: 'store-failed' });
});
