// Which parameters are updated together. A small parameter costs the update as much as a large one, so small ones share one vector;
// large ones stay alone, because cutting them out of a vector in every step would copy them.

import { sizeOf } from '../onnx/ir.ts';
import { ints } from '../onnx/made/build.ts';
import type { TailParameter } from '../onnx/surgery/tail.ts';
import type { Draft } from './draft.ts';

/** Parameters that live in one tensor during an epoch. */
export interface Group {
  readonly name: string;
  readonly members: readonly TailParameter[];
  /** A vector where several share; a parameter alone is a matrix at most: the runtime multiplies [n, m, 1, 1] by a number element by element. */
  readonly dims: readonly number[];
  readonly decay: 'all' | 'none' | 'some';
  /** One number an element, 1 where weights decay; empty unless `decay` is 'some'. */
  readonly mask: Float32Array;
}

/** Up to this many elements a copy costs less than the dozen nodes of an update of its own. */
const smallElements = 16384;

/** `others`: names beside those of the parameters that a group's name, and what is kept for the group under it, must not meet. */
export function grouped(parameters: readonly TailParameter[], others: readonly string[] = []): readonly Group[] {
  const names = [...parameters.map(({ name }) => name), ...others];
  const small = parameters.filter(({ dims }) => sizeOf(dims) <= smallElements);
  const alone = small.length < 2 ? parameters : parameters.filter((parameter) => !small.includes(parameter));
  const groups = alone.map((parameter) => groupOf(freeName(parameter.name, names, parameter.name), [parameter]));
  return small.length < 2
    ? groups
    : [...groups, groupOf(freeName('small parameters', [...names, ...groups.map(({ name }) => name)]), small)];
}

/** The name, or the name with a number, so that neither it nor anything of the form name/… is taken by another than its `owner`. */
function freeName(name: string, taken: readonly string[], owner?: string): string {
  const isFree = (candidate: string) => !taken.some((each) => (each === candidate && each !== owner) || each.startsWith(`${candidate}/`));
  let own = name;
  for (let count = 2; !isFree(own); count++) own = `${name} ${count}`;
  return own;
}

/** Only matrices decay, as is usual. */
const decays = (parameter: TailParameter) => parameter.role === 'weight';

function groupOf(name: string, members: readonly TailParameter[]): Group {
  const decay = members.every(decays) ? 'all' : members.some(decays) ? 'some' : 'none';
  const total = members.reduce((sum, { dims }) => sum + sizeOf(dims), 0);
  const mask = new Float32Array(decay === 'some' ? total : 0);
  if (decay === 'some') {
    let at = 0;
    for (const member of members) {
      const size = sizeOf(member.dims);
      mask.fill(decays(member) ? 1 : 0, at, at + size);
      at += size;
    }
  }
  const [{ dims: own }] = members as readonly [TailParameter];
  const alone = own.length <= 2 ? own : [own[0] as number, sizeOf(own.slice(1))];
  return { name, members, dims: members.length === 1 ? alone : [total], decay, mask };
}

/** The group's tensor, put together from one value a member. */
export function pack(c: Draft, group: Group, partOf: (name: string) => string): string {
  if (group.members.length === 1) return c.reshape(partOf((group.members[0] as TailParameter).name), group.dims);
  const flat = group.members.map(({ name }) => c.emit('Reshape', [partOf(name), c.ints([-1])]));
  return c.emit('Concat', flat, { axis: 0 });
}

/** Member → value in its own shape, cut out of the group's tensor. */
export function unpack(c: Draft, group: Group, packed: string): ReadonlyMap<string, string> {
  if (group.members.length === 1) {
    const [{ name, dims }] = group.members as readonly [TailParameter];
    return new Map([[name, c.settle(c.reshape(packed, dims))]]);
  }
  const sizes = group.members.map(({ dims }) => sizeOf(dims));
  const parts = c.emitMany('Split', [packed, c.ints(sizes)], sizes.length, { axis: 0 });
  return new Map(group.members.map(({ name, dims }, index) => [name, c.settle(c.reshape(parts[index] as string, dims))] as const));
}

/** One number a member (`factors` [parameters], of which members stand at `places`) → a scalar, or one number an element of the group. */
export function factorOfEach(c: Draft, group: Group, factors: string, places: readonly number[]): string {
  const [first = 0] = places;
  if (group.members.length === 1) return c.emit('Gather', [factors, c.constant(`place ${first}`, ints([first], []))]);
  const each = group.members.flatMap(({ dims }, index) => new Array<number>(sizeOf(dims)).fill(places[index] as number));
  return c.emit('Gather', [factors, c.constant(`places of ${group.name}`, ints(each))]);
}
