import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { imageInputSchema } from '../../agent/config/card.ts';
import { WhetError } from '../../agent/errors.ts';
import { preprocessImage } from '../../agent/preprocess/image.ts';
import { maxPictureBytes, thumbnail } from '../../agent/preprocess/picture.ts';
import { photograph } from '../images.ts';

const input = imageInputSchema.parse({ kind: 'image', width: 32, height: 32, layout: 'nhwc', range: [0, 255] });
let jpeg: Buffer;
beforeAll(async () => {
  jpeg = await photograph('disc', 1, { width: 320, height: 240 });
});

async function refusal(bytes: Uint8Array): Promise<WhetError> {
  const error = await preprocessImage(bytes, input).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(WhetError);
  expect((error as WhetError).code).toBe('image-unreadable');
  expect((error as WhetError).hint).toBeTruthy();
  return error as WhetError;
}

const plain = (width: number, height: number) => sharp({ create: { width, height, channels: 3, background: '#345678' } });

/** A whole PNG of one bit a pixel (W3C PNG, 5 and 11): a few kilobytes for any size. */
function hugePng(width: number, height: number): Buffer {
  const chunk = (name: string, content: Buffer) => {
    const body = Buffer.concat([Buffer.from(name), content]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(content.length);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc((1 + Math.ceil(width / 8)) * height), { level: 1 });
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', rows),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** The picture with another size in its frame header (T.81, B.2.2). */
function announced(picture: Buffer, width: number, height: number): Buffer {
  const copy = Buffer.from(picture);
  const frame = copy.indexOf(Buffer.from([0xff, 0xc0]));
  copy.writeUInt16BE(height, frame + 5);
  copy.writeUInt16BE(width, frame + 7);
  return copy;
}

describe('what is not a usable picture is refused with its reason', () => {
  test('nothing, text named .jpg, SVG, a foreign binary', async () => {
    expect((await refusal(new Uint8Array(0))).message).toBe('empty (0 bytes)');
    expect((await refusal(Buffer.from('Hello, I am no picture'))).message).toContain('begins with the text "Hello, I am no pictu"');
    expect((await refusal(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'))).message).toContain(
      'not a picture',
    );
    expect((await refusal(Buffer.from('7f454c4602010100', 'hex'))).message).toContain('7f 45 4c 46');
  });

  test('truncated anywhere, in every format', async () => {
    const all = { jpeg, png: await sharp(jpeg).png().toBuffer(), webp: await sharp(jpeg).webp().toBuffer() };
    for (const [name, bytes] of Object.entries(all)) {
      for (const share of [0.05, 0.5, 0.9]) {
        const { message } = await refusal(bytes.subarray(0, Math.floor(bytes.length * share)));
        expect(message.toLowerCase()).toContain(`damaged ${name}`);
      }
    }
  });

  test('100 megapixels, as PNG and as JPEG', async () => {
    for (const bytes of [hugePng(10_000, 10_000), announced(jpeg, 10_000, 10_000)]) {
      expect((await refusal(bytes)).message).toBe('100 megapixels (10000 × 10000), over the limit of 50 megapixels');
    }
    // The same makers within the limit: it is the size that is refused.
    expect((await preprocessImage(hugePng(1000, 1000), input)).data).toHaveLength(32 * 32 * 3);
    expect((await preprocessImage(announced(jpeg, 320, 240), input)).data).toHaveLength(32 * 32 * 3);
  });

  test('pictures of other formats by their names, with what helps', async () => {
    const boxed = (...brands: readonly string[]) => {
      const box = Buffer.concat([Buffer.alloc(4), Buffer.from(`ftyp${brands[0]}`), Buffer.alloc(4), Buffer.from(brands.slice(1).join(''))]);
      box.writeUInt32BE(box.length, 0);
      return Buffer.concat([box, Buffer.alloc(64)]);
    };
    const heic = [boxed('heic', 'mif1', 'heic'), boxed('mif1', 'heic', 'mif1'), boxed('msf1', 'hevc')];
    for (const bytes of heic) {
      const { message, hint } = await refusal(bytes);
      expect(message).toContain('HEIC');
      expect(hint).toContain('Most Compatible');
    }
    expect((await refusal(boxed('isom', 'mp41'))).message).toContain('film');
    expect((await refusal(boxed('mif1', 'avif', 'miaf'))).message).toContain('damaged AVIF');
    expect((await refusal(Buffer.from('BM\x36\x10\x0e'))).message).toContain('BMP');
    expect((await refusal(Buffer.from('%PDF-1.7'))).message).toContain('PDF');
  });

  test('a picture of a format that is large in memory, before it is decoded', async () => {
    const size = 7000;
    const blank = sharp({ create: { width: size, height: size, channels: 3, background: '#123456' } });
    const bytes = await blank.avif({ effort: 0 }).toBuffer();
    const { message } = await refusal(bytes);
    expect(bytes.length).toBeLessThan(20_000);
    expect(message).toMatch(/49 megapixels \(7000 × 7000\), over the limit of \d+ megapixels for AVIF/);
    // The size that counts is that of the frame, whatever the screen is said to be (GIF89a, 18 and 20).
    const gif = await sharp({ create: { width: size, height: size, channels: 3, background: '#123456' } })
      .gif()
      .toBuffer();
    gif.writeUInt16LE(16, 6);
    gif.writeUInt16LE(16, 8);
    expect((await refusal(gif)).message).toContain('over the limit');
    const honest = await sharp({ create: { width: 1200, height: 900, channels: 3, background: '#123456' } })
      .avif({ effort: 0 })
      .toBuffer();
    expect((await preprocessImage(honest, input)).data).toHaveLength(32 * 32 * 3);
  }, 60_000);

  test('more bytes than a picture may have', async () => {
    expect((await refusal(new Uint8Array(maxPictureBytes + 1))).message).toContain('over the limit of 64 MB');
  });
});

describe('what a camera or a person may well give is read', () => {
  test('JPEG with bytes after its end, CMYK, progressive; very thin; one pixel', async () => {
    const cases = [
      Buffer.concat([jpeg, Buffer.from('trailing')]),
      await sharp(jpeg).toColourspace('cmyk').jpeg().toBuffer(),
      await sharp(jpeg).jpeg({ progressive: true }).toBuffer(),
      await plain(1, 5000).png().toBuffer(),
      await plain(1, 1).png().toBuffer(),
    ];
    for (const bytes of cases) expect((await preprocessImage(bytes, input)).data).toHaveLength(32 * 32 * 3);
  });

  test('an animation gives its first frame', async () => {
    const frames = Buffer.concat([Buffer.alloc(12 * 12 * 3, 10), Buffer.alloc(12 * 12 * 3, 200)]);
    const gif = await sharp(frames, { raw: { width: 12, height: 24, channels: 3, pageHeight: 12 } })
      .gif()
      .toBuffer();
    expect((await sharp(gif, { animated: true }).metadata()).pages).toBe(2);
    const { data } = await preprocessImage(gif, input);
    expect(Math.max(...data)).toBeLessThan(30);
  });

  test('a thumbnail is a small upright JPEG without metadata, never enlarged', async () => {
    const turned = await sharp(jpeg).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const small = await sharp(await thumbnail(turned, 64)).metadata();
    expect(small).toMatchObject({ format: 'jpeg', width: 48, height: 64 });
    expect(small.exif).toBeUndefined();
    expect(await sharp(await thumbnail(await plain(10, 5).png().toBuffer(), 64)).metadata()).toMatchObject({ width: 10, height: 5 });
  });
});
