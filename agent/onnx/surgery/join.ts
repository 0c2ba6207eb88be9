// Two models, one behind the other: the output of the first is the input of the second. Pure. Refuses (`internal`) what does not fit together.
import { WhetError } from '../../errors.ts';
import type { Graph, Model, Node } from '../ir.ts';
import { opsetOf } from '../ir.ts';

/** Names of the second keep; those inside the first get a prefix. Only the first model's input keeps its name. */
export function joinModels(first: Model, second: Model, prefix = 'front/'): Model {
  const [input, ...others] = second.graph.inputs;
  const [output, ...further] = first.graph.outputs;
  const [outer] = first.graph.inputs;
  if (input === undefined || output === undefined || outer === undefined || others.length + further.length > 0)
    throw new WhetError('internal', 'only models of one input and one output can be joined');
  if (opsetOf(first) !== opsetOf(second))
    throw new WhetError('internal', `models of opset ${opsetOf(first)} and ${opsetOf(second)} cannot be joined`);
  const given = (name: string) => (name === '' || name === outer.name ? name : name === output.name ? input.name : `${prefix}${name}`);
  if (producedOrGiven(second.graph).has(outer.name)) throw new WhetError('internal', `the name '${outer.name}' is taken in both models`);
  return {
    ...second,
    opsets: new Map([...first.opsets, ...second.opsets]),
    irVersion: Math.max(first.irVersion, second.irVersion),
    graph: {
      ...second.graph,
      inputs: [outer],
      nodes: [...first.graph.nodes.map((node) => renamed(node, given, prefix)), ...second.graph.nodes],
      initializers: new Map([
        ...[...first.graph.initializers].map(([name, tensor]) => [given(name), tensor] as const),
        ...second.graph.initializers,
      ]),
    },
  };
}

function renamed(node: Node, given: (name: string) => string, prefix: string): Node {
  if (Object.values(node.attributes).some(({ kind }) => kind === 'graph'))
    throw new WhetError('internal', `a model with ${node.op} cannot stand in front`);
  return {
    ...node,
    name: node.name === '' ? '' : `${prefix}${node.name}`,
    inputs: node.inputs.map(given),
    outputs: node.outputs.map(given),
  };
}

function producedOrGiven({ nodes, initializers, inputs }: Graph): ReadonlySet<string> {
  return new Set([...nodes.flatMap(({ outputs }) => outputs), ...initializers.keys(), ...inputs.map(({ name }) => name)]);
}
