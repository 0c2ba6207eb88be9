// Reverse-mode differentiation of a drafted graph: from gradients of some values to gradients of the wanted ones. The walker owns order,
// accumulation and broadcasting, and visits only what lies on a path to a wanted value; the rules know one operator each.
import { WhetError } from '../errors.ts';
import { nodeTitle } from '../onnx/attributes.ts';
import { type Node, nodeKey } from '../onnx/ir.ts';
import type { Draft } from './draft.ts';
import { operatorKey } from './families.ts';
import type { Gradient } from './operator.ts';
import { gradientRules } from './operators.ts';

/**
 * Writes the backward pass of `nodes` (in forward order, already in the draft). `seeds` maps values to their gradients, of the same
 * shape. Returns the gradient of every name in `wanted`, of that value's shape; null where the seeds do not depend on it.
 * Throws `operator-unsupported`, naming operator and node, where a node on the path has no rule.
 */
export function backward(
  c: Draft,
  nodes: readonly Node[],
  seeds: ReadonlyMap<string, string>,
  wanted: readonly string[],
  rules: ReadonlyMap<string, Gradient> = gradientRules,
): ReadonlyMap<string, string | null> {
  const onPath = dependents(nodes, wanted);
  const gradients = new Map(seeds);
  for (const node of [...nodes].reverse()) {
    const dys = node.outputs.map((name) => gradients.get(name) ?? null);
    if (dys.every((dy) => dy === null) || !node.inputs.some((name) => onPath.has(name))) continue;
    const dxs = ruleOf(node, rules)(c, node, dys[0] ?? zerosLike(c, node.outputs[0] as string), dys);
    if (dxs.length !== node.inputs.length) {
      throw new WhetError(
        'internal',
        `the rule of ${node.op} gives ${dxs.length} gradients for ${node.inputs.length} inputs of ${nodeTitle(node)}`,
      );
    }
    node.inputs.forEach((x, index) => {
      const dx = dxs[index] ?? null;
      if (dx === null || !onPath.has(x)) return;
      const fitted = matchShape(c, dx, c.shape(x));
      const earlier = gradients.get(x);
      gradients.set(x, earlier === undefined ? fitted : c.plus(earlier, fitted));
    });
  }
  return new Map(wanted.map((name) => [name, gradients.get(name) ?? null]));
}

/** Every value that depends on one of `wanted`, and those themselves. */
function dependents(nodes: readonly Node[], wanted: readonly string[]): ReadonlySet<string> {
  const names = new Set(wanted);
  for (const node of nodes) {
    if (node.inputs.some((name) => names.has(name))) for (const output of node.outputs) names.add(output);
  }
  return names;
}

function ruleOf(node: Node, rules: ReadonlyMap<string, Gradient>): Gradient {
  const rule = rules.get(operatorKey(node));
  if (rule !== undefined) return rule;
  throw new WhetError(
    'operator-unsupported',
    `no gradient rule for the operator '${operatorKey(node)}' of node '${node.name || nodeKey(node)}'`,
    {
      hint: 'Train fewer layers (--layers), so that this node stays in the frozen part; or report it, naming the operator.',
    },
  );
}

/** Makes a gradient the shape of its value: sums over the axes along which the value was broadcast, repeats along those it lost. */
function matchShape(c: Draft, dx: string, shape: readonly number[]): string {
  const missing = Math.max(shape.length - c.shape(dx).length, 0);
  const padded = c.reshape(dx, [...Array(missing).fill(1), ...c.shape(dx)]);
  const from = c.shape(padded);
  const lead = from.length - shape.length;
  const summed = from.flatMap((size, axis) => (axis < lead || (size !== 1 && shape[axis - lead] === 1) ? [axis] : []));
  const kept = from.slice(lead).map((size, axis) => (summed.includes(axis + lead) ? 1 : size));
  const reduced = c.reshape(c.sum(padded, summed, lead === 0), kept);
  return kept.every((size, axis) => size === shape[axis]) ? reduced : c.emit('Expand', [reduced, c.ints(shape)]);
}

function zerosLike(c: Draft, name: string): string {
  return c.emit('Expand', [0, c.ints(c.shape(name))]);
}
