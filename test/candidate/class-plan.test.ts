import { expect, it } from 'vitest';
import { planClasses } from '../../agent/candidate/class-plan.ts';

it('names are as many classes as they have meanings', () => {
  const grades = ['A', 'A+', 'A-', '-1', '0', '1'];
  expect(planClasses('replace', grades, [], 0).labels).toEqual(grades);
  expect(() => planClasses('keep', ['-1'], ['0', '1'], 2)).toThrow("'-1'");
  expect(planClasses('extend', ['-1', '1'], ['0', '1'], 2)).toEqual({ labels: ['0', '1', '-1'], mapping: [0, 1, null] });
});

it('a name that may mean two classes is refused', () => {
  for (const mode of ['keep', 'extend'] as const)
    expect(() => planClasses(mode, ['CAT'], ['Cat', 'cat'], 2)).toThrow("may mean the classes 'Cat' or 'cat'");
});
