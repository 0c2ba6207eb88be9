// 8-bit products are exact on every processor.
import { describe, expect, it } from 'vitest';
import { node } from '../../agent/onnx/made/build.ts';
import { errorOfProduct, qlinearProduct } from '../overflow.ts';

const forms = {
  QLinearMatMul: qlinearProduct,
  'QDQ around MatMul': [
    node('QuantizeLinear', ['x', 'one', 'zero'], ['q']),
    node('DequantizeLinear', ['q', 'one', 'zero'], ['h']),
    node('DequantizeLinear', ['w', 'one', 'w_zero'], ['v']),
    node('MatMul', ['h', 'v'], ['m']),
    node('QuantizeLinear', ['m', 'wide', 'zero'], ['r']),
    node('DequantizeLinear', ['r', 'wide', 'zero'], ['y']),
  ],
  dynamic: [
    node('DynamicQuantizeLinear', ['x'], ['q', 's', 'z']),
    node('MatMulInteger', ['q', 'w', 'z', 'w_zero'], ['i']),
    node('Cast', ['i'], ['f'], { to: 1 }),
    node('Mul', ['f', 's'], ['y']),
  ],
};

describe('a session', () => {
  it.each(Object.entries(forms))('multiplies 8-bit numbers exactly: %s', async (_name, nodes) => {
    expect(await errorOfProduct(nodes, 13)).toBeLessThan(0.005);
  });
});
