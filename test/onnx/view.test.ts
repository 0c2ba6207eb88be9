// Lookups of a graph: who computes, who reads, which node goes by which key, what is constant.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { floatAttribute, intAttribute, intsAttribute, nodeTitle, stringAttribute, stringsAttribute } from '../../agent/onnx/attributes.ts';
import { type Graph, nodeKey } from '../../agent/onnx/ir.ts';
import { floats, graph, ints, node, value } from '../../agent/onnx/made/build.ts';
import { is } from '../../agent/onnx/operator-traits.ts';
import { typeNumber, typeOf, typeSource } from '../../agent/onnx/result-type.ts';
import { view } from '../../agent/onnx/view.ts';

const body = graph('body', { inputs: [], outputs: [value('z', null)], nodes: [node('Neg', ['h'], ['z'])] });

const whole: Graph = graph('g', {
  inputs: [value('x', [1, 2])],
  outputs: [value('y', null), value('i', null)],
  nodes: [
    node('Constant', [], ['c'], { value_ints: { kind: 'ints', value: [1, 2 ** 63], exact: [1n, 2n ** 63n - 1n] } }),
    node('LSTM', ['x', 'w', 'r'], ['', 'h']),
    node('Add', ['h', 'h'], ['a']),
    node('If', ['a'], ['i'], { then_branch: { kind: 'graph', value: body } }),
    node('Relu', ['a'], ['y']),
    node('Relu', ['y'], ['more']),
  ],
  initializers: [['w', floats([1], 2)] as const, ['r', ints([3])] as const],
});

describe('a view of a graph', () => {
  const seen = view(whole);

  it('knows who computes and who reads, bodies included, each reader once', () => {
    expect(seen.producer('h')?.op).toBe('LSTM');
    for (const name of ['x', 'w', '', 'nothing']) expect(seen.producer(name)).toBeUndefined();
    expect(seen.readers('h').map(({ op }) => op)).toEqual(['Add', 'If']);
    expect(seen.readers('nothing')).toEqual([]);
    expect(seen.onlyReader('more')).toBeUndefined();
    expect(seen.onlyReader('x')?.op).toBe('LSTM');
    // Given out, so that another reads it too.
    expect(seen.readers('y')).toHaveLength(1);
    expect(seen.onlyReader('y')).toBeUndefined();
  });

  it('finds a node by its first output that is not left out', () => {
    expect(seen.node('h')?.op).toBe('LSTM');
    expect(seen.node('')).toBeUndefined();
    for (const each of whole.nodes) {
      expect(nodeKey(each)).not.toBe('');
      expect(seen.node(nodeKey(each))).toBe(each);
    }
    expect(nodeTitle(whole.nodes[1] as Graph['nodes'][number])).toBe("'h' (LSTM)");
  });

  it('reads constants alike, wherever they stand, and to the bit', () => {
    expect(seen.constant('w')).toBe(whole.initializers.get('w'));
    expect(seen.constant('c')?.data).toEqual(BigInt64Array.of(1n, 2n ** 63n - 1n));
    for (const name of ['h', 'x', '', undefined]) expect(seen.constant(name)).toBeNull();
  });

  it('sees the first node of several that give a name as the lookups by hand did: the last', () => {
    const names = fc.constantFrom('a', 'b', 'c', '');
    const nodes = fc.array(fc.tuple(fc.array(names, { maxLength: 3 }), fc.array(names, { maxLength: 2 })), { maxLength: 6 });
    fc.assert(
      fc.property(nodes, (list) => {
        const drawn = graph('g', { inputs: [], outputs: [], nodes: list.map(([inputs, outputs]) => node('Add', inputs, outputs)) });
        const lookups = view(drawn);
        for (const name of ['a', 'b', 'c']) {
          expect(lookups.producer(name)).toBe(drawn.nodes.findLast(({ outputs }) => outputs.includes(name)));
          expect(lookups.readers(name)).toEqual(drawn.nodes.filter(({ inputs }) => inputs.includes(name)));
        }
      }),
    );
  });
});

describe('attributes', () => {
  const each = node('Gemm', ['x'], ['y'], { transB: 1, alpha: { kind: 'float', value: 0.5 }, mode: 'linear', axes: [1, 2] }, { name: 'g' });

  it('have their defaults, and are refused where they are of another kind', () => {
    expect([intAttribute(each, 'transB', 0), intAttribute(each, 'transA', 0)]).toEqual([1, 0]);
    expect([floatAttribute(each, 'alpha', 1), floatAttribute(each, 'beta', 1)]).toEqual([0.5, 1]);
    expect([intsAttribute(each, 'axes'), intsAttribute(each, 'perm')]).toEqual([[1, 2], null]);
    expect([stringAttribute(each, 'mode', ''), stringAttribute(each, 'pads', 'none'), stringsAttribute(each, 'names')]).toEqual([
      'linear',
      'none',
      null,
    ]);
    expect(() => intAttribute(each, 'mode', 0)).toThrow(/attribute 'mode' of node 'g' \(Gemm\) is string, not an integer/);
    expect(() => stringsAttribute(each, 'axes')).toThrow(/is ints, not a list of strings/);
  });
});

describe('what is true of an operator without its shapes', () => {
  it('traits are those of the table; what is not in it has none, whatever its name', () => {
    expect(is(node('Flatten', ['x'], ['y']), 'view')).toBe(true);
    expect(is(node('Relu', ['x'], ['y']), 'view', 'not-negative')).toBe(true);
    for (const op of ['Softplus2', 'constructor', '__proto__', '']) expect(is({ op }, 'view')).toBe(false);
    expect(is(undefined, 'view')).toBe(false);
    expect(['LSTM', 'GRU', 'RNN', 'Scan'].map((op) => is({ op }, 'recurrent'))).toEqual([true, true, true, false]);
  });

  it('types of outputs are said by name, attribute or input', () => {
    expect(typeSource(node('TopK', ['x', 'k'], ['v', 'i']), 0)).toEqual({ input: 0 });
    expect(typeSource(node('TopK', ['x', 'k'], ['v', 'i']), 1)).toBe('int64');
    expect(typeSource(node('Dropout', ['x'], ['y', 'm']), 1)).toBe('bool');
    expect(typeSource(node('Where', ['c', 'x', 'w'], ['y']), 0)).toEqual({ input: 1 });
    expect(typeSource(node('Cast', ['x'], ['y'], { to: 10 }), 0)).toBe('float16');
    expect(typeSource(node('ConstantOfShape', ['s'], ['y']), 0)).toBe('float32');
    expect(typeSource(node('Constant', [], ['y'], { value_ints: [1] }), 0)).toBe('int64');
    expect(typeSource(node('constructor', ['x'], ['y']), 0)).toEqual({ input: 0 });
    expect([typeOf(7), typeOf(99), typeNumber('bfloat16')]).toEqual(['int64', null, 16]);
  });
});
