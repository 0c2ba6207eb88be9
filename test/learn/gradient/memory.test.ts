// Which classes a tail knows, and on which samples it may teach.
import { describe, expect, it } from 'vitest';
import { knownClasses, teachingOf } from '../../../agent/learn/gradient/memory.ts';
import { floats, graph, model, node, value } from '../../../agent/onnx/made/build.ts';
import type { FloatTail } from '../../../agent/onnx/surgery/tail.ts';

function headOf(layout: 'in-out' | 'out-in', w: readonly number[]): FloatTail {
  const body = graph('tail', {
    inputs: [value('x', ['n', 2])],
    outputs: [value('z', ['n', 3])],
    nodes: [node('Gemm', ['x', 'w'], ['z'], { transB: layout === 'in-out' ? 0 : 1 })],
    initializers: [['w', floats(layout === 'in-out' ? [2, 3] : [3, 2], w)]],
  });
  const head = { weight: 'w', bias: null, layout, input: 'x', width: 2, classes: 3 };
  return {
    model: model(body),
    input: 'x',
    output: 'z',
    logits: 'z',
    activation: 'none',
    parameters: [],
    head,
    origins: new Map(),
    base: new Map(),
    activations: [],
  };
}

describe('what a tail already knows', () => {
  it('is every class with weights, in both layouts', () => {
    expect(knownClasses(headOf('out-in', [1, 2, 0, 0, 0, 3]), 3)).toEqual([true, false, true]);
    expect(knownClasses(headOf('in-out', [1, 0, 0, 2, 0, 3]), 3)).toEqual([true, false, true]);
  });

  it('is taught where the teacher is right, and nothing is taught of new classes', () => {
    // Rows: right, wrong, of a class that is new (its logit of 9 is from zero weights and means nothing).
    const logits = Float32Array.of(3, 9, 1, 3, 9, 1, 1, 9, 3);
    const teaching = teachingOf(logits, Int32Array.of(0, 2, 1), [true, false, true]);
    expect([...(teaching?.share ?? [])].map((share) => share > 0)).toEqual([true, false, false]);
    expect([...(teaching?.teacher.subarray(0, 3) ?? [])]).toEqual([3, -1e4, 1]);
  });

  it('is nothing to teach where the teacher is never right', () => {
    expect(teachingOf(Float32Array.of(1, 2), Int32Array.of(0), [true, true])).toBeNull();
  });
});
