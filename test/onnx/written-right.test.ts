import { describe, expect, it } from 'vitest';
import { correctBiases } from '../../agent/model/bias-correction.ts';
import { openPart } from '../../agent/model/part.ts';
import { calibrationTensors, gridFor } from '../../agent/onnx/forms/activation-scale.ts';
import { dequantizeTail } from '../../agent/onnx/forms/dequantize.ts';
import { numbers } from '../../agent/onnx/forms/quantized-values.ts';
import { requantize } from '../../agent/onnx/forms/requantize.ts';
import type { Graph, Model, Node, Tensor } from '../../agent/onnx/ir.ts';
import { floats, graph, ints, model, node, value } from '../../agent/onnx/made/build.ts';
import type { FloatTail } from '../../agent/onnx/surgery/tail.ts';
import { weightsOf, withWeights } from '../../agent/onnx/weights.ts';
import { randomOf } from '../../agent/random.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';

const random = randomOf(3);
const some = (...dims: readonly number[]): Tensor =>
  floats(
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => 2 * random() - 1),
  );
const int8 = (...dims: readonly number[]): Tensor => ({
  dtype: 'int8',
  dims,
  data: Int8Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => Math.round(240 * random() - 120)),
});
const scalar = (dtype: 'int8' | 'uint8' | 'int32', at: number): Tensor => ({
  dtype,
  dims: [],
  data: dtype === 'int8' ? Int8Array.of(at) : dtype === 'uint8' ? Uint8Array.of(at) : Int32Array.of(at),
});

function whole(nodes: readonly Node[], initializers: readonly (readonly [string, Tensor])[], x: readonly number[], opset = 17): Model {
  const body = graph('g', { inputs: [value('x', ['batch', ...x])], outputs: [value('y', ['batch', 3])], nodes, initializers });
  return model(body, { opset, irVersion: opset > 20 ? 10 : 8 });
}

async function run(one: Model, x: Tensor, optimization: 'all' | 'disabled' = 'all'): Promise<Float32Array> {
  await using part = await openPart(createRuntime(), one, { label: 'model', optimization });
  return (await part.session.run({ x })).y?.data as Float32Array;
}

function trainedOf(tail: FloatTail): ReadonlyMap<string, Tensor> {
  return new Map(
    [...weightsOf(tail)].map(([name, old]) => [
      name,
      { ...old, data: (old.data as Float32Array).map((each) => 1.4 * each + 0.05 * random()) },
    ]),
  );
}

const apart = (a: Float32Array, b: Float32Array) => Math.max(...a.map((each, at) => Math.abs(each - (b[at] as number))));

describe('what is written is what was trained', () => {
  it('two layers whose first output is left out keep weights of their own', async () => {
    const layer = (name: string, direction: string) =>
      node('LSTM', ['xt', `W${name}`, `R${name}`, `B${name}`], ['', `h${name}`], { hidden_size: 4, direction });
    const squeeze = (name: string) => node('Squeeze', [`h${name}`, 'zero'], [`s${name}`]);
    const constants = ['1', '2'].flatMap(
      (name) =>
        [
          [`W${name}`, some(1, 16, 3)],
          [`R${name}`, some(1, 16, 4)],
          [`B${name}`, some(1, 32)],
        ] as const,
    );
    const base = whole(
      [
        node('Transpose', ['x'], ['xt'], { perm: [1, 0, 2] }),
        ...[layer('1', 'forward'), layer('2', 'reverse'), squeeze('1'), squeeze('2')],
        node('Concat', ['s1', 's2'], ['c'], { axis: 1 }),
        node('Gemm', ['c', 'w', 'b'], ['y']),
      ],
      [...constants, ['zero', ints([0])], ['w', some(8, 3)], ['b', some(3)]],
      [5, 3],
    );
    const tail = dequantizeTail(base);
    const trained = trainedOf(tail);
    const x = some(2, 5, 3);
    const written = requantize(base, tail, trained, { ranges: new Map() });
    expect(apart(await run(written, x), await run(withWeights(tail, trained).model, x))).toBeLessThan(1e-5);
  });

  it('an int32 bias behind a transposed weight keeps the scale that the runtime takes', async () => {
    const dequantize = (q: string, s: string, z: string, y: string) => node('DequantizeLinear', [q, s, z], [y]);
    const base = whole(
      [
        ...[node('QuantizeLinear', ['x', 'sx', 'zx'], ['xq']), dequantize('xq', 'sx', 'zx', 'xd'), dequantize('wq', 'sw', 'zw', 'wd')],
        ...[node('Transpose', ['wd'], ['wt'], { perm: [1, 0] }), dequantize('bq', 'sb', 'zb', 'bd')],
        ...[node('Gemm', ['xd', 'wt', 'bd'], ['g']), node('QuantizeLinear', ['g', 'sy', 'zy'], ['gq']), dequantize('gq', 'sy', 'zy', 'y')],
      ],
      [
        ...([
          ['sx', floats([], 0.01)],
          ['zx', scalar('uint8', 128)],
          ['wq', int8(3, 6)],
          ['sw', floats([], 0.01)],
        ] as const),
        ...([
          ['zw', scalar('int8', 0)],
          ['bq', { dtype: 'int32', dims: [3], data: Int32Array.of(3000, -2000, 500) }],
        ] as const),
        ...([
          ['sb', floats([], 0.0001)],
          ['zb', scalar('int32', 0)],
          ['sy', floats([], 0.05)],
          ['zy', scalar('uint8', 120)],
        ] as const),
      ],
      [6],
      13,
    );
    const tail = dequantizeTail(base);
    const trained = trainedOf(tail);
    const x = some(2, 6);
    const ranges = new Map(calibrationTensors(tail).map((name) => [name, { min: -6, max: 6 }]));
    const written = requantize(base, tail, trained, { ranges });
    const wanted = await run(withWeights(tail, trained).model, x);
    for (const optimization of ['disabled', 'all'] as const) expect(apart(await run(written, x, optimization), wanted)).toBeLessThan(0.1);
  });

  it('biases of matrix products over [batch, time, channels] are corrected by channel', async () => {
    for (const [time, channels] of [
      [3, 6],
      [8, 4],
    ] as const) {
      const base = whole(
        [
          ...[node('DequantizeLinear', ['w1q', 's', 'z'], ['w1']), node('MatMul', ['x', 'w1'], ['p']), node('Add', ['p', 'b1'], ['h'])],
          ...[node('Relu', ['h'], ['r']), node('ReduceMean', ['r'], ['m'], { axes: [1], keepdims: 0 })],
          ...[node('DequantizeLinear', ['w2q', 's', 'z'], ['w2']), node('MatMul', ['m', 'w2'], ['q']), node('Add', ['q', 'b2'], ['y'])],
        ],
        [
          ...([
            ['w1q', int8(5, channels)],
            ['s', floats([], 0.01)],
            ['z', scalar('int8', 0)],
            ['b1', some(channels)],
          ] as const),
          ...([
            ['w2q', int8(channels, 3)],
            ['b2', some(3)],
          ] as const),
        ],
        [time, 5],
      );
      const tail = dequantizeTail(base);
      const trained = trainedOf(tail);
      const rows = { features: some(64, time * 5).data as Float32Array, count: 64, width: time * 5 };
      const corrected = await correctBiases(tail, trained, rows, [1, time, 5], createRuntime());
      const [old, fresh] = [trained, corrected].map((weights) => weights.get('b1')?.data as Float32Array) as [Float32Array, Float32Array];
      expect(fresh).not.toEqual(old);
      // Rounding to 8 bits shifts a mean by little; the mean of another place in time would be far off.
      expect(apart(fresh, old)).toBeLessThan(0.02);
    }
  });

  it('a quantizer says its type by output_dtype where it has no zero point', async () => {
    const base = whole(
      [
        ...[node('Gemm', ['x', 'w1', 'b1'], ['h']), node('QuantizeLinear', ['h', 's'], ['hq'], { output_dtype: 3 })],
        ...[node('DequantizeLinear', ['hq', 's'], ['hd']), node('Gemm', ['hd', 'w2', 'b2'], ['y'])],
      ],
      [
        ['w1', some(6, 5)],
        ['b1', some(5)],
        ['s', floats([], 0.05)],
        ['w2', some(5, 3)],
        ['b2', some(3)],
      ],
      [6],
      21,
    );
    const tail = dequantizeTail(base);
    expect(tail.activations.map(({ base: { dtype } }) => dtype)).toEqual(['int8', 'int8']);
    expect(tail.model.graph.nodes.some(({ op }) => op === 'Clip')).toBe(false);
    const x = some(4, 6);
    expect(apart(await run(base, x, 'disabled'), await run(tail.model, x))).toBeLessThan(0.2);
  });

  it('a zero point that is left out cannot move', () => {
    const activation = { tensor: 't', scale: { node: 'q', input: 1 }, base: { scale: 0.1, zeroPoint: 0, dtype: 'uint8' } } as const;
    const tail = { model: { graph: { nodes: [] } } } as unknown as FloatTail;
    expect(gridFor(tail, { ...activation, zeroPoint: null }, { min: -3, max: 5.1 })).toEqual({
      scale: Math.fround(5.1 / 255),
      zeroPoint: 0,
    });
    expect(gridFor(tail, { ...activation, zeroPoint: { node: 'q', input: 2 } }, { min: -3, max: 5.1 })?.zeroPoint).toBeGreaterThan(0);
  });

  it('scales in float16 and weights in 4 bits are read and written as what they are', () => {
    const base = whole(
      [node('DequantizeLinear', ['wq', 's'], ['w'], { axis: 1 }), node('Gemm', ['x', 'w', 'b'], ['y'])],
      [
        ['wq', { dtype: 'int4', dims: [3, 3], data: Uint8Array.of(0x21, 0x83, 0xf7, 0x10, 0x05) }],
        ['s', floats([3], [0.1, 0.2, 0.5])],
        ['b', some(3)],
      ],
      [3],
      21,
    );
    const tail = dequantizeTail(base);
    const weight = tail.parameters[0]?.name ?? '';
    const read = Array.from([1, 2, 3, -8, 7, -1, 0, 1, 5], (q, at) =>
      Math.fround(q * ([0.1, 0.2, 0.5].map(Math.fround)[at % 3] as number)),
    );
    expect(Array.from(tail.base.get(weight)?.data as Float32Array)).toEqual(read);
    const trained = trainedOf(tail);
    const stored = requantize(base, tail, trained, { ranges: new Map() }).graph.initializers.get('wq') as Tensor;
    expect(stored).toMatchObject({ dtype: 'int4', dims: [3, 3] });
    expect(stored.data).toHaveLength(5);
    expect(Math.max(...Array.from(numbers(stored), Math.abs))).toBe(7);
    expect(numbers({ dtype: 'float16', dims: [2], data: Uint16Array.of(0x2e66, 0xc000) })).toEqual(Float32Array.of(0.0999755859375, -2));
  });

  it('nodes with a graph of their own are refused by name', () => {
    const branch = (name: string): Graph =>
      graph(name, { inputs: [], outputs: [value(`o${name}`, null)], nodes: [node('Mul', ['h', `k${name}`], [`o${name}`])] });
    const base = whole(
      [
        ...[node('Gemm', ['x', 'w1', 'b1'], ['h']), node('If', ['yes'], ['i'], { then_branch: branch('1'), else_branch: branch('2') })],
        node('Gemm', ['i', 'w2', 'b2'], ['y']),
      ],
      [
        ...([
          ['w1', some(6, 5)],
          ['b1', some(5)],
          ['yes', { dtype: 'bool', dims: [], data: Uint8Array.of(1) }],
        ] as const),
        ...([
          ['k1', floats([], 2)],
          ['k2', floats([], 3)],
          ['w2', some(5, 3)],
          ['b2', some(3)],
        ] as const),
      ],
      [6],
    );
    expect(() => dequantizeTail(base)).toThrow(
      expect.objectContaining({ code: 'operator-unsupported', message: expect.stringMatching(/If 'i'/) }),
    );
  });

  it('weights of another length than their shape are refused', () => {
    const tail = dequantizeTail(
      whole(
        [node('Gemm', ['x', 'w', 'b'], ['y'])],
        [
          ['w', some(6, 3)],
          ['b', some(3)],
        ],
        [6],
      ),
    );
    expect(() => withWeights(tail, new Map([['b', { dtype: 'float32', dims: [3], data: new Float32Array(2) }]]))).toThrow(/of 2 numbers/);
  });
});
