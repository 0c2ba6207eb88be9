// Values in columns: [batch, channels, …space] held as a matrix [channels, batch·space], one column a place in an image. There a 1×1 convolution
// is a matrix product with the weights as they are stored, forward and backward, and a depthwise one is a product for each channel.

import { reads } from '../../onnx/graph.ts';
import { type Node, sizeOf } from '../../onnx/ir.ts';
import { node } from '../../onnx/made/build.ts';
import type { Draft } from '../draft.ts';
import type { Shape, ShapeSource } from '../operator.ts';
import { operatorOf } from '../operators.ts';

export interface Columns {
  /** Name of the matrix [channels, batch·space] in the draft. */
  readonly value: string;
  /** The shape it stands for: [batch, channels, …space], space perhaps without axes. */
  readonly shape: Shape;
}

/** A forward pass while it is lowered: which of its values are in columns, and the draft that it is written to. */
export class Lowering {
  readonly draft: Draft;
  readonly #columns = new Map<string, Columns>();
  readonly #readers: ReadonlyMap<string, readonly Node[]>;
  readonly #kept: ReadonlySet<string>;
  readonly #done = new Set<Node>();

  /** `outputs` are read after the pass. */
  constructor(draft: Draft, nodes: readonly Node[], outputs: readonly string[]) {
    this.draft = draft;
    this.#kept = new Set(outputs);
    const readers = new Map<string, Node[]>();
    for (const each of nodes) for (const name of new Set(reads(each))) readers.set(name, [...(readers.get(name) ?? []), each]);
    this.#readers = readers;
  }

  /** The value in columns, where it is held so; null where it is plain. */
  held(name: string): Columns | null {
    return this.#columns.get(name) ?? null;
  }

  /** Shape of a value as the model means it, in whatever form it is held. */
  shape(name: string): Shape {
    return this.held(name)?.shape ?? this.draft.shape(name);
  }

  /** Shapes of a node's outputs as the model means them. */
  shapesOf(each: Node): readonly (Shape | undefined)[] {
    const { draft } = this;
    const source: ShapeSource = {
      shape: (name) => this.shape(name),
      hasShape: (name) => this.held(name) !== null || draft.hasShape(name),
      known: (name) => draft.known(name),
      knownInts: (name) => draft.knownInts(name),
      dtypeOf: (name) => draft.dtypeOf(name),
    };
    return operatorOf(each)?.shape?.(each, source) ?? [];
  }

  /** The value in columns; a plain one [batch, channels, …space] is transposed, once. */
  columns(name: string): Columns {
    const known = this.held(name);
    if (known !== null) return known;
    const { draft } = this;
    const shape = draft.shape(name);
    const [batch = 1, channels = 1, ...space] = shape;
    const swapped = draft.transpose(draft.reshape(name, [batch, channels, sizeOf(space)]), [1, 0, 2]);
    const columns = { value: draft.reshape(swapped, [channels, batch * sizeOf(space)]), shape };
    this.#columns.set(name, columns);
    return columns;
  }

  /** Says that the model's value `name`, of this shape, is the matrix `value`. */
  hold(name: string, value: string, shape: Shape): void {
    const [batch = 1, channels = 1, ...space] = shape;
    this.#columns.set(name, { value: this.draft.reshape(value, [channels, batch * sizeOf(space)]), shape });
  }

  /** [channels, batch, …space]: the columns as an image whose batch and channels have changed places. */
  view({ value, shape }: Columns): string {
    const [batch = 1, channels = 1, ...space] = shape;
    return this.draft.reshape(value, [channels, batch, ...space]);
  }

  /** Makes sure that the draft has the value under its own name, in its own shape. */
  plain(name: string): void {
    const columns = this.held(name);
    if (columns === null || this.draft.hasShape(name)) return;
    const perm = columns.shape.map((_, axis) => (axis < 2 ? 1 - axis : axis));
    this.draft.add(node('Transpose', [this.view(columns)], [name], { perm }, { name }));
  }

  /** The one node that reads the value, where nothing else does. */
  onlyReader(name: string): Node | null {
    const readers = this.#readers.get(name) ?? [];
    return readers.length === 1 && !this.#kept.has(name) ? (readers[0] as Node) : null;
  }

  /** Says that a later node has been taken into the one at hand. */
  take(each: Node): void {
    this.#done.add(each);
  }

  isTaken(each: Node): boolean {
    return this.#done.has(each);
  }
}

/** Writes what stands for the node, or answers false where it has nothing better than the node itself. */
export type LoweringRule = (l: Lowering, node: Node) => boolean;
