// Small captures that are as they should be, in every format: what mutations begin with.
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';

export async function goodPictures() {
  const raw = Buffer.from(Array.from({ length: 48 * 40 * 3 }, (_, at) => (at * 37 + (at >> 5)) & 255));
  const drawn = () => sharp(raw, { raw: { width: 48, height: 40, channels: 3 } });
  const makers = [
    () => drawn().jpeg(),
    () => drawn().withMetadata({ orientation: 6 }).jpeg({ progressive: true }),
    () => drawn().png(),
    () => drawn().ensureAlpha().png({ progressive: true }),
    () => drawn().webp(),
    () => drawn().webp({ lossless: true }),
    () => drawn().gif(),
    () => drawn().tiff({ compression: 'lzw' }),
    () => drawn().tiff({ compression: 'deflate', tile: true, tileWidth: 16, tileHeight: 16 }),
    () => drawn().avif({ effort: 0 }),
  ];
  const bytes = [];
  for (const make of makers) bytes.push(await make().toBuffer());
  return bytes;
}

export function wav({ tag, bits, channels, rate, body, id = 'RIFF', block = (channels * bits) / 8 }) {
  const head = Buffer.alloc(44);
  head.write(`${id}....WAVEfmt `, 'latin1');
  head.writeUInt32LE(36 + body.length, 4);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(tag, 20);
  head.writeUInt16LE(channels, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt16LE(block, 32);
  head.writeUInt16LE(bits, 34);
  head.write('data', 36, 'latin1');
  head.writeUInt32LE(body.length, 40);
  return Buffer.concat([head, body]);
}

export function goodRecordings() {
  const noise = Buffer.from(Array.from({ length: 4800 }, (_, at) => (at * 2654435761) >>> 24));
  const floats = Buffer.from(Float32Array.from({ length: 1200 }, (_, at) => Math.sin(at / 5)).buffer);
  return [
    wav({ tag: 1, bits: 16, channels: 1, rate: 8000, body: noise }),
    wav({ tag: 1, bits: 8, channels: 2, rate: 44_100, body: noise }),
    wav({ tag: 1, bits: 24, channels: 1, rate: 16_000, body: noise }),
    wav({ tag: 1, bits: 24, channels: 1, rate: 16_000, body: noise, block: 4 }),
    wav({ tag: 1, bits: 32, channels: 2, rate: 96_000, body: noise }),
    wav({ tag: 3, bits: 32, channels: 1, rate: 8000, body: floats }),
    wav({ tag: 6, bits: 8, channels: 1, rate: 8000, body: noise }),
    wav({ tag: 7, bits: 8, channels: 1, rate: 8000, body: noise }),
    wav({ tag: 17, bits: 4, channels: 1, rate: 8000, body: deflateSync(noise) }),
  ];
}

/** An M4A as far as its boxes go. */
export function goodFilm() {
  const box = (type, ...content) => {
    const body = Buffer.concat(content);
    const head = Buffer.alloc(8);
    head.writeUInt32BE(body.length + 8);
    head.write(type, 4, 'latin1');
    return Buffer.concat([head, body]);
  };
  const places = Buffer.alloc(16);
  places.writeUInt32BE(2, 4);
  places.writeUInt32BE(28, 8);
  places.writeUInt32BE(32, 12);
  const index = box('moov', box('trak', box('mdia', box('minf', box('stbl', box('stco', places), box('co64', places))))));
  return Buffer.concat([box('ftyp', Buffer.from('M4A \0\0\0\0')), box('mdat', Buffer.from('abcdefgh')), index, box('free')]);
}
