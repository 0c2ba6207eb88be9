// What a model may ask of a small machine before anything of it is run: the number of its nodes, the size of its input, and of every tensor whose
// size can be told beforehand. A file of 300 bytes can ask for gigabytes; refused are nodes by name (`model-unsupported`).
import { Draft } from '../autodiff/draft.ts';
import type { Shape } from '../autodiff/operator.ts';
import { operatorOf } from '../autodiff/operators.ts';
import { WhetError } from '../errors.ts';
import { intsAttribute, nodeTitle } from '../onnx/attributes.ts';
import { mostNodes, tooManyNodes } from '../onnx/codec/decode.ts';
import { sorted } from '../onnx/graph.ts';
import { type Graph, type Model, type Node, sizeOf, type ValueInfo } from '../onnx/ir.ts';

/** A picture of 3840 × 2160 in colour. */
const mostInput = 3 * 2 ** 23;
/** One tensor, 256 MB as float32; and all that follow from constants alone, which the runtime computes as soon as it opens a model. */
const mostElements = 2 ** 26;

/** `shape` is that of one sample. */
export function requireBounded(model: Model, input: ValueInfo, shape: Shape): void {
  const nodes = countNodes(model.graph);
  if (nodes > mostNodes) throw tooManyNodes(nodes);
  if (!(sizeOf(shape) <= mostInput)) {
    const size = `input '${input.name}' takes [${shape.join(', ')}], ${sizeOf(shape)} numbers a sample`;
    throw refused(size, `At most ${mostInput} numbers are taken, a picture of 3840 × 2160. Give it a smaller width and height.`);
  }
  const draft = new Draft();
  draft.declare(input.name, shape, input.dtype ?? 'float32');
  const fixed = { names: new Set<string>(), elements: 0 };
  visit(model.graph, draft, fixed);
}

interface Fixed {
  /** Values that follow from constants alone. */
  readonly names: Set<string>;
  elements: number;
}

function visit(graph: Graph, draft: Draft, fixed: Fixed): void {
  for (const [name, tensor] of graph.initializers) {
    draft.constant(name, tensor);
    fixed.names.add(name);
  }
  for (const node of sorted(graph)) {
    for (const attribute of Object.values(node.attributes)) if (attribute.kind === 'graph') visit(attribute.value, draft, fixed);
    add(node, draft);
    const isFixed = node.inputs.every((name) => name === '' || fixed.names.has(name));
    for (const name of node.outputs) {
      if (name === '' || !draft.hasShape(name)) continue;
      const shape = draft.shape(name);
      const elements = sizeOf(shape);
      if (!(elements <= mostElements))
        throw refused(`node ${nodeTitle(node)} gives [${shape.join(', ')}], ${elements} numbers a sample`, limit);
      if (!isFixed) continue;
      fixed.names.add(name);
      fixed.elements += elements;
      if (!(fixed.elements <= mostElements))
        throw refused(`the model makes ${fixed.elements} numbers of constants alone, up to node ${nodeTitle(node)}`, limit);
    }
  }
}

const limit = `At most ${mostElements} numbers are taken. Is this the file that you meant? Export it for a smaller input.`;

/** Operators that training never meets, but whose sizes are plain. */
const own: ReadonlyMap<string, (node: Node, draft: Draft) => Shape | null> = new Map([
  ['QuantizeLinear', sameAsFirst],
  ['DequantizeLinear', sameAsFirst],
  ['RandomNormal', ofAttribute],
  ['RandomUniform', ofAttribute],
]);

function sameAsFirst({ inputs: [x = ''] }: Node, draft: Draft): Shape | null {
  return draft.hasShape(x) ? draft.shape(x) : null;
}

function ofAttribute(node: Node): Shape | null {
  return intsAttribute(node, 'shape');
}

/** What cannot be told beforehand is left out: the model's own checks come later. */
function add(node: Node, draft: Draft): void {
  try {
    const shape = node.domain === '' ? own.get(node.op)?.(node, draft) : undefined;
    if (shape !== undefined && shape !== null) draft.declare(node.outputs[0] ?? '', shape);
    // A recurrent layer would be written out for all its steps.
    else if (operatorOf(node)?.expand === undefined) draft.add(node);
  } catch {
    // An operator, an attribute or a size that is not known here.
  }
}

function countNodes(graph: Graph): number {
  return graph.nodes.reduce((sum, { attributes }) => {
    const bodies = Object.values(attributes).flatMap((each) => (each.kind === 'graph' ? [each.value] : []));
    return sum + 1 + bodies.reduce((inside, body) => inside + countNodes(body), 0);
  }, 0);
}

function refused(what: string, hint: string): WhetError {
  return new WhetError('model-unsupported', what, { hint });
}
