import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { createExternalReader } from '../../agent/model/external-data.ts';
import { loadModel } from '../../agent/model/load.ts';
import { decodeModel } from '../../agent/onnx/codec/decode.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
} from '../../agent/onnx/proto/onnx_pb.ts';
import { floatClassifier } from '../models.ts';

const folder = mkdtempSync(join(tmpdir(), 'whet-load-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function file(bytes: Uint8Array, name = `${count++}.onnx`): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

function external(location: string, offset: number, length: number) {
  const entry = (key: string, value: unknown) => create(StringStringEntryProtoSchema, { key, value: String(value) });
  return { dataLocation: 1, externalData: [entry('location', location), entry('offset', offset), entry('length', length)] };
}

/** x → MatMul with a 2×2 weight that lies in another file. */
function withExternal(location: string, offset = 0, length = 16): Uint8Array {
  const weight = create(TensorProtoSchema, { name: 'w', dataType: 1, dims: [2n, 2n], ...external(location, offset, length) });
  const node = create(NodeProtoSchema, { opType: 'MatMul', input: ['x', 'w'], output: ['y'] });
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { irVersion: 8n, graph: create(GraphProtoSchema, { node: [node], initializer: [weight] }) }),
  );
}

const unreadable = (message: RegExp) => expect.objectContaining({ code: 'model-unreadable', message: expect.stringMatching(message) });

describe('what stands where a model should be', () => {
  for (const [text, what, hint] of [
    ['version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 132\n', /Git LFS pointer/, /git lfs pull/],
    ['\n<!DOCTYPE html><html>', /web page/, /download/],
    ['<HTML><head>', /web page/, /download/],
    ['PK\x03\x04abc', /zip archive/, /exported to ONNX/],
  ] as const) {
    it(`is said: ${text.trim().slice(0, 12)}`, () => {
      expect(() => loadModel(file(Buffer.from(text, 'latin1')))).toThrow(
        expect.objectContaining({ code: 'model-unreadable', message: expect.stringMatching(what), hint: expect.stringMatching(hint) }),
      );
    });
  }

  it('also a folder, with the model that lies in it', () => {
    mkdirSync(join(folder, 'inside'));
    file(new Uint8Array(4), 'inside/net.onnx');
    expect(() => loadModel(join(folder, 'inside'))).toThrow(
      expect.objectContaining({
        code: 'model-unreadable',
        message: expect.stringMatching(/is a folder/),
        hint: expect.stringMatching(/net\.onnx/),
      }),
    );
  });
});

describe('loadModel', () => {
  const whole = encodeModel(floatClassifier({ kind: 'mlp', opset: 13 }));

  it('gives the model and the hash of its file', () => {
    const loaded = loadModel(file(whole));
    expect(loaded.bytes).toBe(whole.length);
    expect(loaded.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(Buffer.compare(encodeModel(loaded.model), whole)).toBe(0);
  });

  it('refuses what is not there, empty, a folder, or not a model', () => {
    expect(() => loadModel(join(folder, 'nothing.onnx'))).toThrow(unreadable(/cannot read the model/));
    expect(() => loadModel(file(new Uint8Array(0)))).toThrow(unreadable(/is empty/));
    expect(() => loadModel(folder)).toThrow(unreadable(/cannot read the model/));
    expect(() => loadModel(file(Buffer.from('{"this": "is JSON"}')))).toThrow(unreadable(/not an ONNX model|no graph/));
  });

  it('refuses a model that was cut off, wherever', () => {
    for (let size = 1; size < whole.length; size += 37) {
      expect(() => loadModel(file(whole.subarray(0, size), 'cut.onnx')), `${size} bytes`).toThrow(
        expect.objectContaining({ code: 'model-unreadable' }),
      );
    }
  });

  it('never fails but with a registered error, whatever is written over it', () => {
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.uint8Array({ minLength: 1, maxLength: 6 }), (at, bytes) => {
        const broken = whole.slice();
        broken.set(bytes.subarray(0, broken.length - at), at);
        try {
          decodeModel(broken);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^model-/) });
        }
      }),
      { numRuns: 300 },
    );
  });

  it('reads external data from beside the model', () => {
    writeFileSync(join(folder, 'weights.bin'), Buffer.from(Float32Array.of(9, 1, 2, 3, 4).buffer));
    const { model } = loadModel(file(withExternal('weights.bin', 4)));
    expect(model.graph.initializers.get('w')?.data).toEqual(Float32Array.of(1, 2, 3, 4));
  });

  it('names external data that are missing or too short', () => {
    expect(() => loadModel(file(withExternal('gone.bin')))).toThrow(
      unreadable(/'w' lies in the external file 'gone.bin', which is missing/),
    );
    writeFileSync(join(folder, 'short.bin'), Buffer.alloc(8));
    expect(() => loadModel(file(withExternal('short.bin')))).toThrow(unreadable(/'short.bin', which is missing or too short/));
    expect(() => loadModel(file(withExternal('short.bin', -4)))).toThrow(unreadable(/too short/));
  });

  it('refuses, before anything is read, pieces that overlap, the model file as data, and more than fits', () => {
    const piece = (name: string, offset: number, length: number, location = 'shared.bin') =>
      create(TensorProtoSchema, { name, dataType: 2, dims: [BigInt(length)], ...external(location, offset, length) });
    const node = create(NodeProtoSchema, { opType: 'Concat', input: ['a', 'b'], output: ['y'] });
    const made = (...initializer: readonly ReturnType<typeof piece>[]) =>
      file(
        toBinary(
          ModelProtoSchema,
          create(ModelProtoSchema, { graph: create(GraphProtoSchema, { node: [node], initializer: [...initializer] }) }),
        ),
        'shared.onnx',
      );
    writeFileSync(join(folder, 'shared.bin'), new Uint8Array(1000));
    expect(loadModel(made(piece('a', 500, 500), piece('b', 0, 500), piece('c', 500, 0))).model.graph.initializers.size).toBe(3);
    for (const [a, b] of [
      [piece('a', 0, 500), piece('b', 499, 10)],
      [piece('a', 499, 10), piece('b', 0, 500)],
      [piece('a', 0, 1000), piece('b', 300, 1)],
      [piece('a', 5, 5), piece('b', 5, 5)],
    ] as const)
      expect(() => loadModel(made(a, b))).toThrow(unreadable(/share bytes/));
    expect(() => loadModel(made(piece('a', 0, 10, 'shared.onnx')))).toThrow(unreadable(/the model file itself/));
    const reader = createExternalReader(made(piece('a', 0, 500), piece('b', 500, 500)), 1000, 3000);
    const claim = (length: number) => () => reader.claim([{ location: 'shared.bin', offset: 0, length }]);
    expect(claim(400)).not.toThrow();
    expect(claim(600)).toThrow(expect.objectContaining({ code: 'model-unsupported' }));
  });

  it('refuses versions and dimensions that are none', () => {
    const graph = create(GraphProtoSchema, { node: [create(NodeProtoSchema, { opType: 'Relu', input: ['x'], output: ['y'] })] });
    const versioned = (version: bigint) =>
      toBinary(ModelProtoSchema, create(ModelProtoSchema, { graph, opsetImport: [{ domain: '', version }] }));
    expect(() => loadModel(file(versioned(2n ** 63n - 1n)))).toThrow(unreadable(/opset of '' is 9223372036854775807/));
    expect(() => loadModel(file(versioned(-1n)))).toThrow(unreadable(/opset of '' is -1/));
    const initializer = [create(TensorProtoSchema, { name: 'z', dataType: 1, dims: [2n ** 62n, 0n] })];
    const huge = toBinary(ModelProtoSchema, create(ModelProtoSchema, { graph: { ...graph, initializer } }));
    expect(() => loadModel(file(huge))).toThrow(unreadable(/shape \[4611686018427388000,0\]/));
  });

  it('reads nothing from elsewhere on the device', () => {
    const outside = join(folder, 'secret.bin');
    writeFileSync(outside, Buffer.alloc(16));
    mkdirSync(join(folder, 'inner'), { recursive: true });
    symlinkSync(outside, join(folder, 'inner', 'link.bin'));
    for (const location of ['../secret.bin', outside, 'link.bin', 'x/../../secret.bin']) {
      const path = file(withExternal(location), join('inner', 'model.onnx'));
      expect(() => loadModel(path), location).toThrow(expect.objectContaining({ code: 'model-unreadable' }));
    }
    expect(() => loadModel(file(withExternal('link.bin'), join('inner', 'model.onnx')))).toThrow(/outside the folder/);
  });
});
