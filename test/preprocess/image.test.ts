import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { type ImageInput, imageInputSchema } from '../../agent/config/card.ts';
import { preprocessImage, tensorShape } from '../../agent/preprocess/image.ts';

function inputOf(fields: Record<string, unknown>): ImageInput {
  return imageInputSchema.parse({ kind: 'image', width: 2, height: 2, layout: 'nchw', ...fields });
}

const png = (rgb: readonly number[], width: number, height: number, channels: 1 | 2 | 3 | 4 = 3) =>
  sharp(Buffer.from(rgb), { raw: { width, height, channels } }).png().toBuffer();

/** Red, green / blue, a gray. */
const four = [255, 0, 10, 0, 255, 20, 30, 40, 255, 100, 100, 100];
const floats = (values: readonly number[]) => Float32Array.from(values);
const dataOf = async (bytes: Uint8Array, input: ImageInput) => (await preprocessImage(bytes, input)).data;

describe('a picture becomes the tensor that the card describes', () => {
  test('planes for nchw, pixels for nhwc, in the order of the channels, scaled to 0…1 by default', async () => {
    const bytes = await png(four, 2, 2);
    const over255 = (values: readonly number[]) => floats(values.map((value) => value / 255));
    expect(await dataOf(bytes, inputOf({}))).toEqual(over255([255, 0, 30, 100, 0, 255, 40, 100, 10, 20, 255, 100]));
    expect(await dataOf(bytes, inputOf({ layout: 'nhwc' }))).toEqual(over255(four));
    expect(await dataOf(bytes, inputOf({ channels: 'bgr' }))).toEqual(over255([10, 20, 255, 100, 0, 255, 40, 100, 255, 0, 30, 100]));
  });

  test('mean and std go with the order of the channels; one number goes with all; range comes first', async () => {
    const bytes = await png(four, 2, 2);
    const normal = await dataOf(bytes, inputOf({ channels: 'bgr', mean: [0.1, 0.2, 0.3], std: [0.5, 0.6, 0.7] }));
    expect(normal).toEqual(
      floats(
        [10, 20, 255, 100]
          .map((v) => (v / 255 - 0.1) / 0.5)
          .concat(
            [0, 255, 40, 100].map((v) => (v / 255 - 0.2) / 0.6),
            [255, 0, 30, 100].map((v) => (v / 255 - 0.3) / 0.7),
          ),
      ),
    );
    expect((await dataOf(bytes, inputOf({ range: [-1, 1] })))[1]).toBe(-1);
    expect(await dataOf(bytes, inputOf({ range: [0, 255], mean: [127.5], std: [2], layout: 'nhwc' }))).toEqual(
      floats(four.map((v) => (v - 127.5) / 2)),
    );
  });

  test('gray is ITU-R BT.601 luma, rounded', async () => {
    const luma = [0, 3, 6, 9].map((at) => Math.round(0.299 * four[at]! + 0.587 * four[at + 1]! + 0.114 * four[at + 2]!));
    const input = inputOf({ channels: 'gray', range: [0, 255] });
    expect([...(await dataOf(await png(four, 2, 2), input))]).toEqual(luma);
    expect(tensorShape(input)).toEqual([1, 1, 2, 2]);
    expect(tensorShape(inputOf({ layout: 'nhwc' }))).toEqual([1, 2, 2, 3]);
  });

  test('gray, 16-bit and palette files give the same pixels; transparency shows the background', async () => {
    const raw = inputOf({ layout: 'nhwc', range: [0, 255] });
    expect([...(await dataOf(await png([5, 60, 130, 250], 2, 2, 1), raw))]).toEqual([5, 5, 5, 60, 60, 60, 130, 130, 130, 250, 250, 250]);
    const deep = await sharp(Buffer.from(four), { raw: { width: 2, height: 2, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    expect((await sharp(deep).metadata()).depth).toBe('ushort');
    expect([...(await dataOf(deep, raw))]).toEqual(four);
    const clear = await png([200, 0, 0, 0, 200, 0, 0, 255, 0, 0, 0, 0, 9, 9, 9, 255], 2, 2, 4);
    expect([...(await dataOf(clear, { ...raw, background: [1, 2, 3] }))]).toEqual([1, 2, 3, 200, 0, 0, 1, 2, 3, 9, 9, 9]);
  });

  test('EXIF orientation is applied before anything else', async () => {
    const rgb = inputOf({ width: 1, height: 2, layout: 'nhwc', range: [0, 255] });
    const turned = await sharp(Buffer.from([255, 0, 0, 0, 0, 255]), { raw: { width: 2, height: 1, channels: 3 } })
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
    expect([...(await dataOf(turned, rgb))]).toEqual([255, 0, 0, 0, 0, 255]);
  });

  test('cover cuts off, contain pads with the background, fill stretches', async () => {
    const wide = await png([10, 10, 10, 20, 20, 20, 30, 30, 30, 40, 40, 40], 4, 1);
    const one = { layout: 'nhwc', range: [0, 255], interpolation: 'nearest', width: 2, height: 1 } as const;
    expect([...(await dataOf(wide, inputOf({ ...one, resize: 'cover' })))]).toEqual([20, 20, 20, 30, 30, 30]);
    const square = await dataOf(wide, inputOf({ ...one, width: 4, height: 3, resize: 'contain', background: [7, 8, 9] }));
    expect([...square].slice(0, 3)).toEqual([7, 8, 9]);
    expect([...square].slice(12, 24)).toEqual([10, 10, 10, 20, 20, 20, 30, 30, 30, 40, 40, 40]);
    expect((await dataOf(wide, inputOf({ ...one, width: 4, height: 4, resize: 'fill' })))[45]).toBe(40);
  });

  test('linear averages areas when it makes smaller', async () => {
    const bytes = await png([0, 0, 0, 100, 100, 100, 100, 100, 100, 200, 200, 200], 2, 2);
    expect([...(await dataOf(bytes, inputOf({ width: 1, height: 1, range: [0, 255] })))]).toEqual([100, 100, 100]);
  });

  test('crop keeps the middle: 0.5 of four pixels is the two in the middle', async () => {
    const bytes = await png(
      [10, 20, 30, 40]
        .flatMap((v) => [v, v, v])
        .concat([10, 20, 30, 40].flatMap((v) => [v, v, v]))
        .concat([10, 20, 30, 40].flatMap((v) => [v, v, v]))
        .concat([10, 20, 30, 40].flatMap((v) => [v, v, v])),
      4,
      4,
    );
    const data = await dataOf(bytes, inputOf({ crop: 0.5, range: [0, 255] }));
    expect([...data.subarray(0, 4)]).toEqual([20, 30, 20, 30]);
  });
});
