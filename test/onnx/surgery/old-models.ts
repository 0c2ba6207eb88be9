// Models in old opsets, one for each meaning that has changed since: the material of the tests of modernization.
import type { Model, Node, Tensor } from '../../../agent/onnx/ir.ts';
import { floats, graph, ints, model, node, value } from '../../../agent/onnx/made/build.ts';
import { noise } from '../../models.ts';

/** A model of one input x and one output y, as that opset writes it. */
export function old(
  opset: number,
  dims: readonly number[],
  nodes: readonly Node[],
  constants: readonly (readonly [string, Tensor])[] = [],
): Model {
  const body = graph('old', { inputs: [value('x', dims)], outputs: [value('y', null)], nodes, initializers: constants });
  return model(body, { opset, irVersion: opset >= 9 ? 8 : 3 });
}

export const ones = (count: number) => floats([count], 1);

const floatList = { kind: 'floats', value: [1, 1, 2, 1.5] } as const;

export const oldModels: readonly (readonly [string, Model])[] = [
  ['Softmax of opset 9 over everything from axis 1 on', old(9, [2, 3, 4], [node('Softmax', ['x'], ['y'], { axis: 1 })])],
  ['Softmax of opset 11 at axis 2', old(11, [2, 3, 4, 2], [node('Softmax', ['x'], ['y'], { axis: 2 })])],
  ['LogSoftmax of opset 12, default axis', old(12, [2, 3, 2], [node('LogSoftmax', ['x'], ['y'])])],
  ['Softmax of opset 12 at axis -1', old(12, [2, 3, 4], [node('Softmax', ['x'], ['y'], { axis: -1 })])],
  [
    'Squeeze and Unsqueeze of opset 11',
    old(11, [2, 3, 1], [node('Squeeze', ['x'], ['s'], { axes: [2] }), node('Unsqueeze', ['s'], ['y'], { axes: [0, 3] })]),
  ],
  ['ReduceSum of opset 11', old(11, [2, 3, 4], [node('ReduceSum', ['x'], ['y'], { axes: [1], keepdims: 0 })])],
  ['ReduceMean of opset 11', old(11, [2, 3, 4], [node('ReduceMean', ['x'], ['y'], { axes: [-1], keepdims: 1 })])],
  [
    'Clip of opset 7',
    old(7, [2, 3], [node('Clip', ['x'], ['y'], { min: { kind: 'float', value: -0.25 }, max: { kind: 'float', value: 0.5 } })]),
  ],
  ['Clip of opset 10 without an upper end', old(10, [2, 3], [node('Clip', ['x'], ['y'], { min: { kind: 'float', value: 0 } })])],
  ['Slice of opset 9', old(9, [2, 6], [node('Slice', ['x'], ['y'], { axes: [1], starts: [1], ends: [-1] })])],
  ['Slice of opset 9 without axes', old(9, [2, 6], [node('Slice', ['x'], ['y'], { starts: [0, 2], ends: [2, 5] })])],
  [
    'Dropout of opset 7 falls away',
    old(7, [2, 3], [node('Dropout', ['x'], ['d'], { ratio: { kind: 'float', value: 0.5 } }), node('Relu', ['d'], ['y'])]),
  ],
  [
    'Split of opset 11',
    old(11, [2, 6], [node('Split', ['x'], ['a', 'b'], { axis: 1, split: [2, 4] }), node('Concat', ['b', 'a'], ['y'], { axis: 1 })]),
  ],
  ['Pad of opset 9', old(9, [2, 3], [node('Pad', ['x'], ['y'], { pads: [0, 1, 1, 2], value: { kind: 'float', value: 0.5 } })])],
  ['Pad of opset 7, by reflection', old(7, [2, 3], [node('Pad', ['x'], ['y'], { mode: 'reflect', pads: [0, 1, 0, 2] })])],
  ['Upsample of opset 8, nearest', old(8, [1, 2, 2, 3], [node('Upsample', ['x'], ['y'], { mode: 'nearest', scales: floatList })])],
  [
    'Upsample of opset 9, linear',
    old(9, [1, 2, 2, 3], [node('Upsample', ['x', 's'], ['y'], { mode: 'linear' })], [['s', floats([4], [1, 1, 2, 3])]]),
  ],
  [
    'Resize of opset 10, nearest',
    old(10, [1, 2, 2, 3], [node('Resize', ['x', 's'], ['y'], { mode: 'nearest' })], [['s', floats([4], [1, 1, 2, 1.5])]]),
  ],
  [
    'Resize of opset 10, nearest, smaller',
    old(10, [1, 2, 5, 7], [node('Resize', ['x', 's'], ['y'], { mode: 'nearest' })], [['s', floats([4], [1, 1, 0.6, 0.43])]]),
  ],
  [
    'Resize of opset 10, nearest, smaller and larger at once',
    old(10, [1, 2, 5, 4], [node('Resize', ['x', 's'], ['y'], { mode: 'nearest' })], [['s', floats([4], [1, 1, 0.6, 1.7])]]),
  ],
  [
    'Resize of opset 10, nearest, by scales that are computed',
    old(
      10,
      [1, 2, 5, 4],
      [node('Mul', ['a', 'b'], ['s']), node('Resize', ['x', 's'], ['y'], { mode: 'nearest' })],
      [
        ['a', floats([4], [1, 1, 0.3, 3.4])],
        ['b', floats([4], [1, 1, 2, 0.5])],
      ],
    ),
  ],
  [
    'Resize of opset 11 by sizes, beside scales that are computed and empty',
    old(
      11,
      [1, 2, 2, 3],
      [
        node('Shape', ['x'], ['measured']),
        node('Slice', ['measured', 'none', 'none'], ['nothing']),
        node('Cast', ['nothing'], ['scales'], { to: 1 }),
        node('Resize', ['x', 'region', 'scales', 'sizes'], ['y'], { mode: 'linear' }),
      ],
      [
        ['none', ints([0])],
        ['region', floats([0], [])],
        ['sizes', ints([1, 2, 4, 5])],
      ],
    ),
  ],
  [
    'Dropout whose mask is read, which is all true at inference',
    old(13, [2, 3], [node('Dropout', ['x'], ['d', 'm']), node('Cast', ['m'], ['n'], { to: 1 }), node('Sub', ['d', 'n'], ['y'])]),
  ],
  [
    'positions of the largest, as numbers',
    old(
      13,
      [2, 5],
      [node('TopK', ['x', 'k'], ['v', 'i']), node('Cast', ['i'], ['n'], { to: 1 }), node('Add', ['v', 'n'], ['y'])],
      [['k', ints([2])]],
    ),
  ],
  [
    'constants of 16 bits that a node makes of nothing',
    old(
      17,
      [2, 3],
      [
        node('Cast', ['x'], ['h'], { to: 10 }),
        node('Shape', ['h'], ['s']),
        node('ConstantOfShape', ['s'], ['c'], {
          value: { kind: 'tensor', value: { dtype: 'float16', dims: [1], data: Uint16Array.of(0x3e00) } },
        }),
        node('Mul', ['c', 'h'], ['p']),
        node('EyeLike', ['h'], ['e'], { dtype: 10 }),
        node('Add', ['p', 'e'], ['q']),
        node('Cast', ['q'], ['y'], { to: 1 }),
      ],
    ),
  ],
  ['Hardmax of opset 11 over everything from axis 1 on', old(11, [2, 3, 4], [node('Hardmax', ['x'], ['y'])])],
  ['TopK of opset 9', old(9, [2, 5], [node('TopK', ['x'], ['y', 'i'], { k: 2 })])],
  [
    'RoiAlign of opset 10',
    old(
      10,
      [1, 2, 6, 6],
      [node('RoiAlign', ['x', 'rois', 'images'], ['y'], { output_height: 2, output_width: 2, sampling_ratio: 2 })],
      [
        ['rois', floats([1, 4], [0.5, 1, 4, 4.5])],
        ['images', ints([0])],
      ],
    ),
  ],
  [
    'positions made of sizes alone, in a column and in a row',
    old(
      13,
      [1, 3, 3],
      [
        node('Shape', ['x'], ['sizes']),
        node('Gather', ['sizes', 'two'], ['length']),
        node('Range', ['zero', 'length', 'one'], ['positions']),
        node('Reshape', ['positions', 'column'], ['rows']),
        node('Reshape', ['positions', 'row'], ['columns']),
        node('Sub', ['rows', 'columns'], ['distances']),
        node('Cast', ['distances'], ['reals'], { to: 1 }),
        node('Add', ['x', 'reals'], ['y']),
      ],
      [
        ['two', ints([2], [])],
        ['zero', ints([0], [])],
        ['one', ints([1], [])],
        ['column', ints([-1, 1])],
        ['row', ints([1, -1])],
      ],
    ),
  ],
  [
    'weights that are cast and shaped',
    old(
      13,
      [2, 3, 4],
      [node('Cast', ['h'], ['w'], { to: 1 }), node('Reshape', ['w', 'shape'], ['s']), node('Mul', ['x', 's'], ['y'])],
      [
        ['h', { dtype: 'float16', dims: [3], data: Uint16Array.of(0x3c00, 0x4000, 0x3800) }],
        ['shape', ints([1, -1, 1])],
      ],
    ),
  ],
  ['another axis before the batch', old(13, [2, 3, 4], [node('Reshape', ['x', 's'], ['y'])], [['s', ints([6, -1, 2])]])],
  [
    'axes of windows joined with the batch, and taken apart again',
    old(
      13,
      [1, 4, 6],
      [
        node('Reshape', ['x', 'windows'], ['w']),
        node('Relu', ['w'], ['r']),
        node('Reshape', ['r', 'flat'], ['f']),
        node('Reshape', ['f', 'whole'], ['y']),
      ],
      [
        ['windows', ints([4, 2, 3])],
        ['flat', ints([4, -1])],
        ['whole', ints([1, 4, 6])],
      ],
    ),
  ],
  [
    'Resize of opset 10, linear',
    old(10, [1, 2, 2, 3], [node('Resize', ['x', 's'], ['y'], { mode: 'linear' })], [['s', floats([4], [1, 1, 3, 2])]]),
  ],
  [
    'Scatter of opset 9',
    old(
      9,
      [2, 3],
      [node('Scatter', ['x', 'i', 'u'], ['y'], { axis: 1 })],
      [
        ['i', ints([2, 0], [2, 1])],
        ['u', floats([2, 1], [5, 7])],
      ],
    ),
  ],
  [
    'Gelu of com.microsoft',
    {
      ...old(17, [2, 3], [node('Gelu', ['x'], ['y'], {}, { domain: 'com.microsoft' })]),
      opsets: new Map([
        ['', 17],
        ['com.microsoft', 1],
      ]),
    },
  ],
  [
    'LSTM of opset 7 with the batch in its first values',
    old(
      7,
      [3, 1, 2],
      [node('LSTM', ['x', 'w', 'r', '', '', 'h', 'c'], ['', 'y'], { hidden_size: 2 })],
      [
        ['w', floats([1, 8, 2], noise(16, 3))],
        ['r', floats([1, 8, 2], noise(16, 4))],
        ['h', floats([1, 1, 2], 0)],
        ['c', floats([1, 1, 2], 0)],
      ],
    ),
  ],
  [
    'BatchNormalization of opset 8',
    old(
      8,
      [2, 3, 4],
      [node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], ['y'], { epsilon: { kind: 'float', value: 0.01 } })],
      [
        ['s', floats([3], [1, 2, 3])],
        ['b', floats([3], [0.1, 0.2, 0.3])],
        ['m', floats([3], [0, 0.5, -0.5])],
        ['v', ones(3)],
      ],
    ),
  ],
];
