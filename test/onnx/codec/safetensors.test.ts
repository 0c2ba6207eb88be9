import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSafeTensors, encodeSafeTensors } from '../../../agent/onnx/codec/safetensors.ts';
import type { Tensor } from '../../../agent/onnx/ir.ts';

const tensors = fc.oneof(
  fc.float32Array({ maxLength: 20 }).map((data): Tensor => ({ dtype: 'float32', dims: [data.length], data })),
  fc.int8Array({ minLength: 6, maxLength: 6 }).map((data): Tensor => ({ dtype: 'int8', dims: [2, 3], data })),
  fc.int32Array({ minLength: 1, maxLength: 1 }).map((data): Tensor => ({ dtype: 'int32', dims: [], data })),
  fc.bigInt64Array({ maxLength: 3 }).map((data): Tensor => ({ dtype: 'int64', dims: [data.length], data })),
  fc.uint16Array({ maxLength: 3 }).map((data): Tensor => ({ dtype: 'float16', dims: [data.length], data })),
);

/** A file with this header over this many bytes of data. */
function file(header: unknown, size = 0): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(size)]);
}

describe('safetensors', () => {
  it('gives back what it got', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), tensors, { maxKeys: 6 }),
        // A name that would change the prototype is left out when metadata are read.
        fc.dictionary(
          fc.string().filter((name) => name !== '__proto__'),
          fc.string(),
          { maxKeys: 3 },
        ),
        (all, metadata) => {
          delete all.__metadata__;
          const bytes = encodeSafeTensors({ tensors: new Map(Object.entries(all)), metadata });
          const back = decodeSafeTensors(bytes);
          expect(Object.fromEntries(back.tensors)).toEqual({ ...all });
          expect({ ...back.metadata }).toEqual({ ...metadata });
          expect(Number(Buffer.from(bytes).readBigUInt64LE()) % 8).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('reads a file as others write it', () => {
    const bytes = file({ __metadata__: { format: 'pt' }, w: { dtype: 'F32', shape: [1, 2], data_offsets: [0, 8] } }, 8);
    expect(decodeSafeTensors(bytes).tensors.get('w')).toEqual({ dtype: 'float32', dims: [1, 2], data: new Float32Array(2) });
  });

  const entry = (offsets: readonly number[], shape: readonly number[] = [1], dtype = 'F32') => ({ dtype, shape, data_offsets: offsets });
  it.each([
    ['nothing', new Uint8Array(0)],
    ['a header longer than the file', Buffer.from([255, 0, 0, 0, 0, 0, 0, 0, 1])],
    ['a header of 2^63 bytes', Buffer.from([0, 0, 0, 0, 0, 0, 0, 128, 1])],
    ['no JSON', file('{')],
    ['a list', file([])],
    ['metadata that are not strings', file({ __metadata__: { a: 1 } })],
    ['an unknown type', file({ w: entry([0, 4], [1], 'F8') }, 4)],
    ['a negative dimension', file({ w: entry([0, 4], [-1]) }, 4)],
    ['a size that does not fit the shape', file({ w: entry([0, 4], [2]) }, 4)],
    ['a shape that overflows', file({ w: entry([0, 4], [2 ** 31, 2 ** 31, 2 ** 31]) }, 4)],
    ['an offset outside', file({ w: entry([0, 8], [2]) }, 4)],
    ['a range that runs backwards', file({ w: entry([4, 0], [1]) }, 4)],
    ['an overlap', file({ v: entry([0, 4]), w: entry([2, 6]) }, 6)],
    ['a gap', file({ v: entry([0, 4]), w: entry([8, 12]) }, 12)],
    ['bytes that belong to nobody', file({ v: entry([0, 4]) }, 6)],
  ])('refuses %s', (_what, bytes) => {
    expect(() => decodeSafeTensors(bytes)).toThrow(expect.objectContaining({ code: 'weights-corrupt' }));
  });

  it('never fails in another way, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeSafeTensors(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'weights-corrupt' });
        }
      }),
    );
  });
});
