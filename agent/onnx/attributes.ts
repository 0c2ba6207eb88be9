// Reads attributes of a node with ONNX's defaults, as numbers: what has to stay exact beyond 2^53 is read with codec/int64.ts. Refuses an attribute
// of another kind than the operator has.
import { WhetError } from '../errors.ts';
import { type Node, nodeKey } from './ir.ts';

/** How messages name a node: its name, or its key where it has none. */
export function nodeTitle(node: Node): string {
  return `'${node.name || nodeKey(node) || '?'}' (${node.op})`;
}

export function intAttribute(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes[name];
  if (attribute === undefined) return fallback;
  if (attribute.kind === 'int' || attribute.kind === 'float') return attribute.value;
  throw wrongKind(node, name, attribute.kind, 'an integer');
}

export function floatAttribute(node: Node, name: string, fallback: number): number {
  return intAttribute(node, name, fallback);
}

export function intsAttribute(node: Node, name: string): readonly number[] | null {
  const attribute = node.attributes[name];
  if (attribute === undefined) return null;
  if (attribute.kind === 'ints' || attribute.kind === 'floats') return attribute.value;
  throw wrongKind(node, name, attribute.kind, 'a list of integers');
}

export function stringAttribute(node: Node, name: string, fallback: string): string {
  const attribute = node.attributes[name];
  if (attribute === undefined) return fallback;
  if (attribute.kind === 'string') return attribute.value;
  throw wrongKind(node, name, attribute.kind, 'a string');
}

export function stringsAttribute(node: Node, name: string): readonly string[] | null {
  const attribute = node.attributes[name];
  if (attribute === undefined) return null;
  if (attribute.kind === 'strings') return attribute.value;
  throw wrongKind(node, name, attribute.kind, 'a list of strings');
}

/** A negative axis counts from the end. */
export function normalAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

function wrongKind(node: Node, name: string, kind: string, wanted: string): WhetError {
  return new WhetError('operator-unsupported', `attribute '${name}' of node ${nodeTitle(node)} is ${kind}, not ${wanted}`);
}
