import { describe, expect, it } from 'vitest';
import { requireCard } from '../../agent/config/card.ts';
import { decodeWarily } from '../../agent/inference/apart.ts';
import { shippedFile } from '../../agent/installation.ts';
import { preprocessCapture } from '../../agent/preprocess/capture-input.ts';
import { photograph } from '../images.ts';
import { temporaryStore } from '../store/fixtures.ts';

const { card } = await requireCard(shippedFile('models/objects/model.onnx'));

describe('a capture that is decoded where there is no worker', () => {
  it('is decoded here, apart after a death, not at all after several, and always alike', async () => {
    const { underWay } = temporaryStore();
    const job = { bytes: new Uint8Array(await photograph('ring', 1)), input: card.input, count: 1 };
    const plain = await preprocessCapture(job.bytes, job.input);
    const here = await decodeWarily(underWay, 'sample a', job);
    expect(here.plain).toEqual(plain);
    expect(here.views).toHaveLength(1);
    underWay.begin('sample a');
    underWay.died(['sample a']);
    expect(underWay.courseOf('sample a')).toBe('apart');
    expect(await decodeWarily(underWay, 'sample a', job)).toEqual(here);
    expect(underWay.courseOf('sample a')).toBe('plain');
    underWay.setAside('sample a');
    await expect(decodeWarily(underWay, 'sample a', job)).rejects.toMatchObject({ code: 'capture-set-aside' });
    underWay.begin('sample b');
    underWay.died(['sample b']);
    await expect(decodeWarily(underWay, 'sample b', { ...job, bytes: Buffer.from('no picture') })).rejects.toMatchObject({
      code: 'image-unreadable',
    });
  });
});
