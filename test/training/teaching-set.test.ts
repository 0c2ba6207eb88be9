import { describe, expect, it } from 'vitest';
import { type LabelledSample, teachingSet } from '../../agent/training/teaching-set.ts';

const known = ['cat', 'dog', 'bird'];
let last = 0;

/** A labelled sample a minute after the one before, its features its number. */
function labelled(label: string, changes: Partial<LabelledSample> = {}): LabelledSample {
  last += 1;
  return {
    id: `s${last}`,
    features: Float32Array.of(last, -last),
    label,
    moment: last,
    judges: false,
    ...changes,
  };
}

const times = (count: number, label: string) => Array.from({ length: count }, () => labelled(label));
const options = { minPerClass: 3 };

describe('teaching set', () => {
  it("keeps the model's classes and leaves out labels that are none of them", () => {
    const taught = teachingSet([...times(2, 'dog'), ...times(5, 'tree')], 'keep', { known, own: known.length }, 2, options);
    expect(taught?.plan.labels).toEqual(known);
    expect([...(taught?.set.labels ?? [])]).toEqual([1, 1]);
    expect([...(taught?.leftOut ?? [])]).toEqual([['tree', 5]]);
  });

  it('extends by new classes that have enough labels', () => {
    const taught = teachingSet(
      [...times(1, 'dog'), ...times(3, 'tree'), ...times(2, 'bush')],
      'extend',
      { known, own: known.length },
      2,
      options,
    );
    expect(taught?.plan.labels).toEqual([...known, 'tree']);
    expect([...(taught?.leftOut ?? [])]).toEqual([['bush', 2]]);
  });

  it('replaces the classes where there are two with enough labels, whatever order they came in', () => {
    const [trees, bushes] = [times(3, 'tree'), times(3, 'bush')];
    const taught = teachingSet([...trees, ...bushes], 'replace', { known, own: known.length }, 2, options);
    expect(taught?.plan.labels).toEqual(['bush', 'tree']);
    expect([...(taught?.set.labels ?? [])]).toEqual([1, 1, 1, 0, 0, 0]);
    expect(taught?.ids).toEqual([...trees, ...bushes].map(({ id }) => id));
    expect([...(taught?.set.features ?? [])]).toEqual([...trees, ...bushes].flatMap(({ features }) => [...features]));
  });

  it.each([
    ['keep', [...times(9, 'tree')]],
    ['replace', [...times(9, 'tree'), ...times(2, 'bush')]],
    ['extend', times(2, 'tree')],
  ] as const)('is none where nothing can be learned from: %s', (mode, samples) => {
    expect(teachingSet(samples, mode, { known, own: known.length }, 2, options)).toBeNull();
  });

  it('takes samples of one moment for one observation, and leaves out what came too late to have one', () => {
    const given = [
      labelled('cat', { moment: 9 }),
      labelled('cat', { moment: 4, judges: true }),
      labelled('dog', { moment: 9 }),
      labelled('cat', { moment: null }),
    ];
    const taught = teachingSet(given, 'keep', { known, own: known.length }, 2, options);
    expect([...taught!.set.groups]).toEqual([0, 1, 0]);
    expect(taught!.judges).toEqual([false, true, false]);
  });
});
