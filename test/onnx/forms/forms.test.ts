// The table of forms: every operator is of one form, and what a form dequantizes it can store again.
import { describe, expect, it } from 'vitest';
import { dequantizeTail } from '../../../agent/onnx/forms/dequantize.ts';
import { forms, layerKind, refusal } from '../../../agent/onnx/forms/forms.ts';
import { node } from '../../../agent/onnx/made/build.ts';
import { detectQuantization } from '../../../agent/onnx/surgery/layers.ts';
import { modelOf, forms as models } from '../../forms.ts';

describe('a form of quantization', () => {
  it('owns its layers alone', () => {
    const owned = Object.values(forms).flatMap(({ layers }) => Object.keys(layers));
    expect(new Set(owned).size).toBe(owned.length);
    for (const [kind, { layers }] of Object.entries(forms)) for (const op of Object.keys(layers)) expect(layerKind(op)?.form).toBe(kind);
  });

  it('lowers every layer that it owns, leaves it float, or says what would help', () => {
    for (const { kind, layers, lower, refused } of Object.values(forms)) {
      const stuck = Object.keys(layers).filter((op) => !(op in lower) && !(op in refused) && kind !== 'none');
      expect(stuck, kind).toEqual([]);
    }
    expect(refusal(node('MatMulNBits', ['x'], ['y']))).toMatch(/8-bit/);
    expect(refusal(node('toString', ['x'], ['y']))).toBeNull();
    expect(layerKind('constructor')).toBeNull();
  });

  it.each(models([13, 21]))('stores again what it made: $title', async (form) => {
    const whole = await modelOf(form);
    const kind = detectQuantization(whole);
    const { origins } = dequantizeTail(whole);
    for (const origin of origins.values()) {
      if (origin.kind === 'float') continue;
      expect(origin.form).toBe(kind);
      const store = origin.kind === 'quantized' ? forms[origin.form].storeWeight : forms[origin.form].storeBias;
      expect(store).toBeTypeOf('function');
    }
    expect([...origins.values()].some((origin) => origin.kind === (kind === 'none' ? 'float' : 'quantized'))).toBe(true);
  });
});
