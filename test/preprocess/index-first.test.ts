import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { indexFirst } from '../../agent/preprocess/index-first.ts';

const box = (type: string, ...content: readonly Uint8Array[]) => {
  const body = Buffer.concat(content);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
};
const table = (type: string, width: 4 | 8, places: readonly number[]) => {
  const body = Buffer.alloc(8 + width * places.length);
  body.writeUInt32BE(places.length, 4);
  for (const [at, place] of places.entries())
    if (width === 4) body.writeUInt32BE(place, 8 + 4 * at);
    else body.writeBigUInt64BE(BigInt(place), 8 + 8 * at);
  return box(type, body);
};
const within = (name: string, content: Uint8Array) => box('moov', box('trak', box('mdia', box('minf', box(name, content)))));
const ftyp = box('ftyp', Buffer.from('M4A \0\0\0\0'));
const data = box('mdat', Buffer.from('abcdefgh'));
const place = ftyp.length + 8;

describe('the index of a film', () => {
  it.each([4, 8] as const)('moves before the data, and its places with it (%i bytes each)', (width) => {
    const index = within('stbl', table(width === 4 ? 'stco' : 'co64', width, [place, place + 4]));
    const moved = Buffer.concat(indexFirst(Buffer.concat([ftyp, data, index, box('free')])));
    const wanted = within('stbl', table(width === 4 ? 'stco' : 'co64', width, [place + index.length, place + 4 + index.length]));
    expect(moved).toEqual(Buffer.concat([ftyp, wanted, data, box('free')]));
    expect(moved.subarray(place + index.length, place + index.length + 4).toString()).toBe('abcd');
  });

  it('stays where it stands first, and other bytes stay as they are', () => {
    for (const bytes of [
      Buffer.concat([ftyp, within('stbl', table('stco', 4, [place])), data]),
      Buffer.from('OggS and so on'),
      Buffer.alloc(0),
    ])
      expect(Buffer.concat(indexFirst(bytes))).toEqual(bytes);
  });

  it('is as long as before, whatever the bytes', () => {
    const whole = Buffer.concat([ftyp, data, within('stbl', table('stco', 4, [place]))]);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })), { maxLength: 8 }), (changes) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        expect(Buffer.concat(indexFirst(bytes)).length).toBe(bytes.length);
      }),
    );
  });
});
