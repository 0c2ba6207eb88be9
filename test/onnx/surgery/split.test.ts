import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspect } from '../../../agent/model/inspect.ts';
import { loadModel } from '../../../agent/model/load.ts';
import { encodeModel } from '../../../agent/onnx/codec/encode.ts';
import { floats, graph, model, node, value } from '../../../agent/onnx/made/build.ts';
import { findCut, listCandidates } from '../../../agent/onnx/surgery/cut.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';

/** A residual block and two linear layers: x → Gemm → (Gemm ‖ identity) → Add → Relu → Gemm. */
function residual() {
  const wave = (count: number) => Array.from({ length: count }, (_, index) => Math.sin(index * 1.7));
  return model(
    graph('residual', {
      inputs: [value('x', ['n', 6])],
      outputs: [value('y', ['n', 3])],
      nodes: [
        node('Gemm', ['x', 'w1'], ['a'], {}, { name: 'first' }),
        node('Gemm', ['a', 'w2'], ['b'], {}, { name: 'second' }),
        node('Add', ['a', 'b'], ['c']),
        node('Relu', ['c'], ['d']),
        node('Gemm', ['d', 'w3', 'b3'], ['y'], {}, { name: 'third' }),
      ],
      initializers: [
        ['w1', floats([6, 5], wave(30))],
        ['w2', floats([5, 5], wave(25))],
        ['w3', floats([5, 3], wave(15))],
        ['b3', floats([3], [0.1, -0.2, 0.3])],
      ],
    }),
  );
}

async function withFile<T>(bytes: Uint8Array, use: (path: string) => Promise<T> | T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'whet-'));
  try {
    const path = join(folder, 'model.onnx');
    writeFileSync(path, bytes);
    return await use(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('cut', () => {
  it('finds the tensors that every path crosses, and none inside the residual block', () => {
    expect(listCandidates(residual().graph).map(({ tensor }) => tensor)).toEqual(['x', 'a', 'c', 'd', 'y']);
  });

  it('moves before the block when the wanted layer lies in it', () => {
    expect(findCut(residual(), { kind: 'layers', layers: 1 })).toMatchObject({ tensor: 'd', note: null });
    expect(findCut(residual(), { kind: 'layers', layers: 2 })).toMatchObject({ tensor: 'a' });
  });

  it('refuses a tensor inside the block and names those that work', () => {
    expect(() => findCut(residual(), { kind: 'tensor', tensor: 'b' })).toThrow(/does not cross/);
    expect(() => findCut(residual(), { kind: 'tensor', tensor: 'nothing' })).toThrow(/no tensor 'nothing'/);
  });
});

describe('inspect', () => {
  it('proves the split of a float model to the bit', async () => {
    const report = await withFile(encodeModel(residual()), (path) =>
      inspect(path, { cut: { kind: 'layers', layers: 2 }, samples: 16, runtime: createRuntime() }),
    );
    expect(report.proof).toMatchObject({ samples: 16, splitMaxAbsDiff: 0, floatTop1Agreement: 1 });
    expect(report.tail.parameters).toBe(25 + 15 + 3);
  });

  it.each([
    ['text', Buffer.from('not a model, but long enough to look at'), 'model-unreadable'],
    ['nothing', Buffer.alloc(0), 'model-unreadable'],
    ['a truncated model', encodeModel(residual()).slice(0, 300), 'model-unreadable'],
  ])('refuses %s', async (_what, bytes, code) => {
    await withFile(bytes, (path) => expect(() => loadModel(path)).toThrow(expect.objectContaining({ code })));
  });

  it('refuses NaN weights, naming the initializer', async () => {
    const broken = residual();
    (broken.graph.initializers.get('w2')?.data as Float32Array)[7] = Number.NaN;
    await withFile(encodeModel(broken), (path) => expect(() => loadModel(path)).toThrow(/'w2' holds NaN at position 7/));
  });

  it('refuses a model with two inputs', async () => {
    const two = residual();
    const wide = { ...two, graph: { ...two.graph, inputs: [...two.graph.inputs, value('z', ['n', 1])] } };
    expect(() => findCut(wide, { kind: 'layers', layers: 1 })).toThrow(/2 inputs/);
  });
});
