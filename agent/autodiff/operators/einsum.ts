// Einsum, for any number of operands without repeated letters or dots: the gradient of each is an Einsum of dy with the others.
import { WhetError } from '../../errors.ts';
import { nodeTitle, stringAttribute } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/ir.ts';
import type { Gradient, ShapeRule } from '../operator.ts';
import { known } from './elementwise.ts';

interface Equation {
  readonly inputs: readonly string[];
  readonly output: string;
}

/** 'ab,bc->ac' in parts; without an arrow the output has every letter that occurs once, in alphabetical order. */
function equationOf(node: Node): Equation {
  const [left = '', right] = stringAttribute(node, 'equation', '').replaceAll(' ', '').split('->');
  const inputs = left.split(',');
  const letters = [...left.replaceAll(',', '')];
  const once = letters.filter((letter) => letters.filter((other) => other === letter).length === 1).sort();
  return { inputs, output: right ?? once.join('') };
}

export const einsumShape: ShapeRule = (node, source) => {
  const { inputs, output } = equationOf(node);
  const shapes = node.inputs.map((name) => known(source, name));
  if (shapes.includes(undefined) || output.includes('.')) return [undefined];
  const size = (letter: string) => Math.max(...inputs.map((letters, index) => shapes[index]?.[letters.indexOf(letter)] ?? 1));
  return [[...output].map(size)];
};

/** y[o] = Σ Πᵢ xᵢ[lᵢ]:  dxₖ[lₖ] = Σ dy[o]·Π of the other xᵢ[lᵢ];  a letter that only xₖ has is repeated. */
export const einsum: Gradient = (c, node, dy) => {
  const { inputs, output } = equationOf(node);
  if ([...inputs, output].some((letters) => letters.includes('.') || new Set(letters).size < letters.length)) {
    throw new WhetError('operator-unsupported', `node ${nodeTitle(node)} has dots or a repeated letter in one operand`, {
      hint: 'Write the model with explicit letters, or train fewer layers (--layers).',
    });
  }
  return inputs.map((own, index) => {
    const others = inputs.flatMap((letters, at) => (at === index ? [] : [{ letters, name: node.inputs[at] as string }]));
    const given = output + others.map(({ letters }) => letters).join('');
    const found = [...own].filter((letter) => given.includes(letter)).join('');
    const equation = `${[output, ...others.map(({ letters }) => letters)].join(',')}->${found}`;
    const sum = c.emit('Einsum', [dy, ...others.map(({ name }) => name)], { equation });
    // An axis of one that met a longer one of another operand comes back as long as that: the walker sums it.
    const withOnes = [...own].map((letter) => (found.includes(letter) ? (c.shape(sum)[found.indexOf(letter)] as number) : 1));
    return c.reshape(sum, withOnes);
  });
};
