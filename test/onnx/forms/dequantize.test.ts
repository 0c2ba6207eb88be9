import { describe, expect, it } from 'vitest';
import { prove } from '../../../agent/model/proof.ts';
import { dequantizeTail } from '../../../agent/onnx/forms/dequantize.ts';
import { floats, graph, model, node, value } from '../../../agent/onnx/made/build.ts';
import { findCut } from '../../../agent/onnx/surgery/cut.ts';
import { detectQuantization } from '../../../agent/onnx/surgery/layers.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import { calibrationInputs, forms, modelOf, newestOpset } from '../../forms.ts';
import { opset21Overflows } from '../../overflow.ts';

describe('every form: the split is exact, the float tail decides alike', () => {
  it.each(forms([7, 9, 11, 13, 21, newestOpset]))('$title', async (form) => {
    const whole = await modelOf(form);
    expect(detectQuantization(whole)).toBe(form.quantizer?.form ?? 'none');
    for (const layers of [1, 2]) {
      const cut = findCut(whole, { kind: 'layers', layers });
      const { proof, tail } = await prove(whole, cut, calibrationInputs(form.wish), createRuntime());
      expect(cut.layers).toHaveLength(layers);
      expect(proof.splitMaxAbsDiff).toBe(0);
      const overflows = form.quantizer?.form === 'qoperator' && (form.wish.opset ?? 0) >= 21 && (await opset21Overflows());
      if (!overflows) {
        expect(proof.floatTop1Agreement).toBeGreaterThanOrEqual(0.95);
        // Outputs are of the order of 1; a Relu that is lost, or a wrong scale, costs far more than rounding.
        expect(proof.floatMaxAbsDiff).toBeLessThan(0.03);
      }
      expect(tail.activation).toBe(form.wish.softmax === true ? 'softmax' : 'none');
      expect(tail.head).toMatchObject({ classes: 5, width: form.wish.kind === 'mlp' ? 10 : 8 });
      expect(tail.parameters.filter(({ role }) => role === 'weight')).toHaveLength(layers);
      expect(tail.parameters.filter(({ role }) => role === 'bias')).toHaveLength(layers);
    }
  });
});

describe('operators that cannot be handled are named, with what would help', () => {
  const around = (op: string, domain = 'com.microsoft') =>
    model(
      graph('g', {
        inputs: [value('h', ['n', 4])],
        outputs: [value('y', ['n', 2])],
        nodes: [node(op, ['h', 'w'], ['m'], {}, { name: 'strange', domain }), node('MatMul', ['m', 'v'], ['y'])],
        initializers: [
          ['w', floats([4, 4], 1)],
          ['v', floats([4, 2], 1)],
        ],
      }),
    );

  it.each(['MatMulNBits', 'FusedMatMul', 'SomethingNew'])('%s', (op) => {
    expect(() => dequantizeTail(around(op))).toThrow(
      expect.objectContaining({
        code: 'operator-unsupported',
        message: expect.stringContaining(`com.microsoft.${op} 'strange'`),
        hint: expect.stringMatching(/./),
      }),
    );
  });

  it('weights that are no floats', () => {
    const whole = around('Relu', '');
    const initializers = new Map(whole.graph.initializers).set('v', { dtype: 'int32', dims: [4, 2], data: new Int32Array(8) });
    expect(() => dequantizeTail({ ...whole, graph: { ...whole.graph, initializers } })).toThrow(/'v' is int32/);
  });
});

it('a tail that only quantizes is refused: nothing is left of it in float', () => {
  const nodes = [node('QuantizeLinear', ['x', 's', 'z'], ['q']), node('DequantizeLinear', ['q', 's', 'z'], ['y'])];
  const zero = { dtype: 'int8', dims: [], data: Int8Array.of(0) } as const;
  const initializers = [['s', floats([], 0.1)] as const, ['z', zero] as const];
  const tail = model(graph('g', { inputs: [value('x', ['n', 3])], outputs: [value('y', ['n', 3])], nodes, initializers }));
  expect(() => dequantizeTail(tail)).toThrow(
    expect.objectContaining({
      code: 'model-unsupported',
      message: expect.stringContaining("the output 'y' is the tail's input 'x' again"),
    }),
  );
});
