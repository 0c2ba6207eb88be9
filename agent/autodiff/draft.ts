// A graph under construction: nodes go in, names come out, and the shape and type of every value are known as soon as it is written.
// Batch sizes are bound here, so shapes are numbers. What no output needs is dropped at the end; rules may therefore emit freely.
import { WhetError } from '../errors.ts';
import { nodeTitle } from '../onnx/attributes.ts';
import { reads } from '../onnx/graph.ts';
import { type DType, type Node, nodeKey, sizeOf, type Tensor } from '../onnx/ir.ts';
import { ints, node as makeNode } from '../onnx/made/build.ts';
import { typeSource } from '../onnx/result-type.ts';
import { operatorKey } from './families.ts';
import { foldConstant } from './fold.ts';
import type { Shape } from './operator.ts';
import { operatorOf } from './operators.ts';

type Attributes = Parameters<typeof makeNode>[3];

/** An operand: the name of a value, or a number that becomes a scalar constant of the draft's type. */
export type Operand = string | number;

export class Draft {
  /** Type of all real-valued constants; float64 only in tests of rules. */
  readonly dtype: 'float32' | 'float64';
  readonly #prefix: string;
  readonly #nodes: Node[] = [];
  readonly #constants = new Map<string, Tensor>();
  readonly #shapes = new Map<string, Shape>();
  readonly #dtypes = new Map<string, DType>();
  /** What the outputs of Reshape nodes were before it. */
  readonly #reshaped = new Map<string, string>();
  readonly #producers = new Map<string, Node>();
  #count = 0;

  /** `prefix` keeps the names written here apart from those of an enclosing graph. */
  constructor(options: { readonly dtype?: 'float32' | 'float64'; readonly prefix?: string } = {}) {
    this.dtype = options.dtype ?? 'float32';
    this.#prefix = options.prefix ?? '';
  }

  /** Makes a value known that comes from outside: a graph input, or one captured from the enclosing graph. */
  declare(name: string, shape: Shape, dtype: DType = this.dtype): string {
    this.#shapes.set(name, shape);
    this.#dtypes.set(name, dtype);
    return name;
  }

  constant(name: string, tensor: Tensor): string {
    this.#constants.set(name, tensor);
    return this.declare(name, tensor.dims, tensor.dtype);
  }

  /**
   * Adds an existing node under its own output names. What can be computed now (shape arithmetic) becomes a constant, and what is made of
   * primitive operators (a recurrent layer) becomes those.
   */
  add(given: Node): void {
    const operator = operatorOf(given);
    const node = operator?.rewrite?.(given, this) ?? given;
    const folded = foldConstant(node, this);
    if (folded !== null) {
      this.constant(node.outputs[0] as string, folded);
      return;
    }
    if (operator?.expand !== undefined) {
      operator.expand(this, node);
      return;
    }
    this.#nodes.push(node);
    for (const name of node.outputs) if (name !== '') this.#producers.set(name, node);
    if (node.op === 'Reshape')
      this.#reshaped.set(node.outputs[0] as string, this.#reshaped.get(node.inputs[0] as string) ?? (node.inputs[0] as string));
    const shapes = operator?.shape?.(node, this) ?? [];
    node.outputs.forEach((name, index) => {
      const shape = shapes[index];
      if (name === '' || shape === undefined) return;
      this.declare(name, shape, this.#typeOf(node, index));
    });
  }

  #typeOf(node: Node, output: number): DType {
    const source = typeSource(node, output);
    return typeof source === 'string' ? source : this.dtypeOf(node.inputs[source.input] ?? '');
  }

  /** Adds a new node and returns the name of its output. */
  emit(op: string, inputs: readonly Operand[], attributes: Attributes = {}, domain = ''): string {
    return this.emitMany(op, inputs, 1, attributes, domain)[0] as string;
  }

  /** As `emit`, for operators with several outputs. */
  emitMany(op: string, inputs: readonly Operand[], outputs: number, attributes: Attributes = {}, domain = ''): readonly string[] {
    const names = Array.from({ length: outputs }, () => this.#fresh(op));
    const operands = inputs.map((input) => (typeof input === 'number' ? this.scalar(input) : input));
    this.add(makeNode(op, operands, names, attributes, { domain, name: names[0] as string }));
    return names;
  }

  scalar(value: number): string {
    const name = `${this.#prefix}scalar(${value})`;
    if (this.#constants.has(name)) return name;
    const data = this.dtype === 'float32' ? Float32Array.of(value) : Float64Array.of(value);
    return this.constant(name, { dtype: this.dtype, dims: [], data });
  }

  ints(values: readonly number[]): string {
    const name = `${this.#prefix}ints(${values})`;
    return this.#constants.has(name) ? name : this.constant(name, ints(values));
  }

  shape(name: string): Shape {
    const shape = this.#shapes.get(name);
    if (shape !== undefined) return shape;
    const origin = this.#unknownOrigin(name);
    const what = origin === null ? `the value '${name}'` : `the result of node ${nodeTitle(origin)}`;
    const isStrange = origin !== null && operatorOf(origin)?.shape === undefined;
    const why = isStrange
      ? `training does not know the operator '${operatorKey(origin)}' of node '${origin.name || nodeKey(origin)}'`
      : `the shape of ${what} is not known, and training needs it`;
    throw new WhetError('operator-unsupported', why, {
      hint: 'Train fewer layers (--layers), so that this node stays in the frozen part.',
    });
  }

  /** The first node on the way to a value whose shape is not known though all shapes before it are. */
  #unknownOrigin(name: string): Node | null {
    const producer = this.producer(name);
    const unknown = producer?.inputs.find((input) => input !== '' && !this.hasShape(input)) ?? null;
    return unknown === null ? producer : (this.#unknownOrigin(unknown) ?? producer);
  }

  hasShape(name: string): boolean {
    return this.#shapes.has(name);
  }

  dtypeOf(name: string): DType {
    return this.#dtypes.get(name) ?? this.dtype;
  }

  /** The constant of that name; null where the value is only known when the graph runs. */
  known(name: string): Tensor | null {
    return this.#constants.get(name) ?? null;
  }

  /** The elements of an integer constant; null where it is not one. */
  knownInts(name: string): readonly number[] | null {
    const tensor = this.#constants.get(name);
    if (tensor === undefined || !['int64', 'int32'].includes(tensor.dtype)) return null;
    return Array.from(tensor.data as BigInt64Array | Int32Array, Number);
  }

  /** The node that computes the value; null where it comes from outside or is constant. */
  producer(name: string): Node | null {
    return this.#producers.get(name) ?? null;
  }

  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  plus(a: Operand, b: Operand): string {
    return this.#binary('Add', a, b);
  }
  sub(a: Operand, b: Operand): string {
    return this.#binary('Sub', a, b);
  }
  mul(a: Operand, b: Operand): string {
    return this.#binary('Mul', a, b);
  }
  div(a: Operand, b: Operand): string {
    return this.#binary('Div', a, b);
  }
  neg(a: Operand): string {
    return this.emit('Neg', [a]);
  }
  exp(a: Operand): string {
    return this.emit('Exp', [a]);
  }
  /** Chooses element by element; `condition` is a boolean value. */
  where(condition: string, a: Operand, b: Operand): string {
    return this.emit('Where', [condition, a, b]);
  }
  greater(a: Operand, b: Operand): string {
    return this.emit('Greater', [a, b]);
  }
  less(a: Operand, b: Operand): string {
    return this.emit('Less', [a, b]);
  }

  /** Sums over axes; without `keep` they go away. */
  sum(x: string, axes: readonly number[], keep = false): string {
    return axes.length === 0 ? x : this.emit('ReduceSum', [x, this.ints(axes)], { keepdims: keep ? 1 : 0 });
  }

  /** A reshape of what was reshaped before is one of the value before that, or that value itself. */
  reshape(x: string, shape: Shape): string {
    const isShapeOf = (name: string) =>
      this.shape(name).length === shape.length && this.shape(name).every((size, at) => size === shape[at]);
    if (isShapeOf(x)) return x;
    const source = this.#reshaped.get(x) ?? x;
    if (isShapeOf(source)) return source;
    return this.emit('Reshape', [source, this.ints(shape)]);
  }

  /** From here on a reshape of the value begins at the value itself: what is differentiated must not be passed by. */
  settle(x: string): string {
    this.#reshaped.delete(x);
    return x;
  }

  transpose(x: string, perm: readonly number[]): string {
    return perm.every((axis, index) => axis === index) ? x : this.emit('Transpose', [x], { perm });
  }

  /** Nodes and constants that the outputs need, in order. */
  finish(outputs: readonly string[]): { readonly nodes: readonly Node[]; readonly initializers: ReadonlyMap<string, Tensor> } {
    const needed = new Set(outputs);
    const kept: Node[] = [];
    for (const node of [...this.#nodes].reverse()) {
      if (!node.outputs.some((name) => needed.has(name))) continue;
      kept.push(node);
      for (const name of reads(node)) needed.add(name);
    }
    return { nodes: kept.reverse(), initializers: new Map([...this.#constants].filter(([name]) => needed.has(name))) };
  }

  /** The runtime computes [n, 1] with a number element by element, twenty times slower than [n]: such operands are made vectors. */
  #binary(op: string, a: Operand, b: Operand): string {
    const slow = isNarrow(this.#shapeOf(a)) && sizeOf(this.#shapeOf(b) ?? [0]) === 1 ? 0 : 1;
    const [narrow, other] = slow === 0 ? [a, b] : [b, a];
    const shape = this.#shapeOf(narrow);
    if (!isNarrow(shape) || typeof narrow !== 'string' || this.#shapeOf(other)?.length !== 0) return this.emit(op, [a, b]);
    const flat = this.reshape(narrow, [sizeOf(shape)]);
    return this.reshape(this.emit(op, slow === 0 ? [flat, b] : [a, flat]), shape);
  }

  #shapeOf(operand: Operand): Shape | undefined {
    return typeof operand === 'number' ? [] : this.#shapes.get(operand);
  }

  #fresh(op: string): string {
    let name: string;
    do name = `${this.#prefix}${op}.${this.#count++}`;
    while (this.#shapes.has(name));
    return name;
  }
}

/** Many elements, but a last axis of one. */
function isNarrow(shape: Shape | undefined): shape is Shape {
  return shape !== undefined && shape.length > 1 && shape.at(-1) === 1 && sizeOf(shape) >= 256;
}
