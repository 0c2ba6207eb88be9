import fc from 'fast-check';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { createJpegSplitter } from '../../agent/capture/jpeg-split.ts';
import { photograph } from '../images.ts';

const maxBytes = 200_000;
let pictures: Buffer[] = [];
let withThumbnail: Buffer;

beforeAll(async () => {
  const plain = await photograph('disc', 1, { width: 96, height: 64 });
  const progressive = await sharp(plain).jpeg({ progressive: true }).toBuffer();
  withThumbnail = withSegment(
    plain,
    0xe1,
    Buffer.concat([Buffer.from('Exif\0\0'), await photograph('ring', 2, { width: 16, height: 16 })]),
  );
  pictures = [plain, progressive, withThumbnail, await photograph('checks', 3, { width: 200, height: 200 })];
});

/** A picture with one more segment after SOI. */
function withSegment(picture: Buffer, code: number, content: Buffer): Buffer {
  const head = Buffer.from([0xff, code, 0, 0]);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([picture.subarray(0, 2), head, content, picture.subarray(2)]);
}

function split(stream: Uint8Array, cuts: readonly number[] = [], max = maxBytes) {
  const splitter = createJpegSplitter(max);
  const bounds = [0, ...[...cuts].sort((a, b) => a - b), stream.length];
  const found = bounds.slice(1).flatMap((end, index) => splitter.push(stream.subarray(bounds[index]!, end)));
  return { found: found.map((bytes) => Buffer.from(bytes)), broken: splitter.broken };
}

describe('splitting a stream of JPEG pictures', () => {
  test('gives the very bytes of baseline, progressive and restart-marker pictures', async () => {
    const { found, broken } = split(Buffer.concat(pictures));
    expect(found).toEqual(pictures);
    expect(broken).toBe(0);
  });

  test('a thumbnail within the metadata does not end a picture', () => {
    expect(withThumbnail.indexOf(Buffer.from([0xff, 0xd9]))).toBeLessThan(withThumbnail.length - 2);
    expect(split(Buffer.concat([withThumbnail, pictures[0]!])).found).toEqual([withThumbnail, pictures[0]]);
  });

  test('multipart headers and garbage between pictures are skipped', () => {
    const header = Buffer.from('\r\n--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 1\r\n\r\n');
    const garbage = Buffer.from([0xff, 0xd8, 0x00, 0xff, 0xff, 0xd8, 0xd8, 0xff, 0xd9, 0x12]);
    const { found } = split(Buffer.concat([garbage, header, pictures[0]!, garbage, header, pictures[1]!, header]));
    expect(found).toEqual([pictures[0], pictures[1]]);
  });

  test('a picture that is cut off is dropped, and the next one is whole', () => {
    const half = pictures[3]!.subarray(0, pictures[3]!.length >> 1);
    const { found, broken } = split(Buffer.concat([half, pictures[0]!]));
    expect(found).toEqual([pictures[0]]);
    expect(broken).toBe(1);
  });

  test('a camera that never sends an end marker: the next picture ends one', async () => {
    const unended = pictures.map((picture) => picture.subarray(0, picture.length - 2));
    const { found, broken } = split(Buffer.concat([...unended, ...unended.slice(0, 1)]));
    expect(found).toEqual(pictures);
    expect(broken).toBe(0);
    const header = Buffer.from('\r\n--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 100\r\n\r\n');
    const parts = split(Buffer.concat([...unended.flatMap((picture) => [header, picture]), header, Buffer.from([0xff, 0xd8])]));
    expect(parts.found).toEqual(pictures);
    for (const picture of found) await sharp(picture, { failOn: 'warning' }).raw().toBuffer();
  });

  test('where ends come, or came once, a picture without is one that was cut off', () => {
    const half = pictures[3]!.subarray(0, pictures[3]!.length >> 1);
    const later = split(Buffer.concat([pictures[0]!, half, half, half, pictures[1]!]));
    expect(later).toEqual({ found: [pictures[0], pictures[1]], broken: 3 });
    const head = pictures[3]!.subarray(0, 2);
    expect(split(Buffer.concat([head, head, head, pictures[1]!]))).toEqual({ found: [pictures[1]], broken: 3 });
  });

  test('a picture over the limit is dropped, one of exactly the limit is kept', () => {
    const [small, , , large] = pictures as [Buffer, Buffer, Buffer, Buffer];
    expect(split(Buffer.concat([large, small]), [], large.length).found).toEqual([large, small]);
    const { found, broken } = split(Buffer.concat([large, small]), [], large.length - 1);
    expect(found).toEqual([small]);
    expect(broken).toBeGreaterThan(0);
  });

  test('any chunks of any stream give the same pictures', () => {
    const parts = fc.array(
      fc.oneof(
        fc.nat(3).map((index) => pictures[index]!),
        fc.record({ index: fc.nat(3), share: fc.double({ min: 0, max: 1, noNaN: true }) }).map(({ index, share }) => {
          return pictures[index]!.subarray(0, Math.floor(pictures[index]!.length * share));
        }),
        fc.nat(3).map((index) => pictures[index]!.subarray(0, pictures[index]!.length - 2)),
        fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
        fc.array(fc.constantFrom(0xff, 0xd8, 0xd9, 0xda, 0xe0, 0x00, 0x02), { maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
      ),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(
        parts,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
        fc.constantFrom(900, 2500, maxBytes),
        (list, shares, max) => {
          const stream = Buffer.concat(list);
          const cuts = shares.map((share) => Math.floor(share * stream.length));
          expect(split(stream, cuts, max)).toEqual(split(stream, [], max));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('byte by byte, too', () => {
    const stream = Buffer.concat([pictures[2]!, Buffer.from([0xff, 0xd8, 0xff]), pictures[1]!]);
    expect(
      split(
        stream,
        Array.from({ length: stream.length }, (_, at) => at),
      ),
    ).toEqual(split(stream));
  });

  test('memory stays bounded on an endless picture', () => {
    const splitter = createJpegSplitter(64 * 1024);
    splitter.push(pictures[0]!.subarray(0, pictures[0]!.length - 2));
    const before = process.memoryUsage().arrayBuffers;
    const noise = new Uint8Array(64 * 1024).fill(0x41);
    for (let index = 0; index < 400; index += 1) splitter.push(noise);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
    expect(splitter.push(pictures[0]!)).toHaveLength(1);
  });
});
