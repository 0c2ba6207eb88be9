// Names of groups of parameters: each stands for values of its own in a compiled step, so none may meet another's.
import { describe, expect, it } from 'vitest';
import { grouped } from '../../agent/autodiff/packing.ts';
import type { TailParameter } from '../../agent/onnx/surgery/tail.ts';

const parameter = (name: string, size: number): TailParameter => ({ name, dims: [size], role: 'weight' }) as unknown as TailParameter;
const large = 20_000;

describe('names of groups', () => {
  it('are those of the parameters', () => {
    const groups = grouped([parameter('w', large), parameter('b', 2), parameter('c', 2)]);
    expect(groups.map(({ name }) => name)).toEqual(['w', 'small parameters']);
  });

  it.each([
    ['another parameter', ['big', 'big/m'], []],
    ['several', ['big', 'big/m', 'big/v', 'big 2/m'], []],
    ['a running statistic', ['big'], ['big/m']],
    ['the name of the small ones', ['small parameters', 'small parameters/m'], ['small parameters/v']],
  ] as const)('do not meet the name of %s, nor does what is kept under them', (_what, names, others) => {
    const parameters = [...names.map((name) => parameter(name, large)), parameter('a', 1), parameter('b', 1)];
    const groups = grouped(parameters, others);
    const own = groups.map(({ name }) => name);
    const kept = groups.flatMap(({ name }) => ['m', 'v'].map((slot) => `${name}/${slot}`));
    const foreign: readonly string[] = [...names, ...others];
    expect(new Set([...own, ...kept]).size).toBe(3 * groups.length);
    expect(kept.filter((name) => foreign.includes(name))).toEqual([]);
    expect(
      own.filter((name) => foreign.includes(name) && !groups.some((group) => group.name === name && group.members[0]?.name === name)),
    ).toEqual([]);
  });
});
