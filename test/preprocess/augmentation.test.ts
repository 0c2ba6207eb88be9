import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { drawView, gentle, plainView } from '../../agent/preprocess/augmentation.ts';

describe('augmentation', () => {
  test('stays within its strengths and is the same for the same seed', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const view = drawView({ seed, ...gentle });
        expect(view).toEqual(drawView({ seed, ...gentle }));
        expect(view.kept).toBeGreaterThanOrEqual(1 - gentle.crop);
        expect(view.kept).toBeLessThanOrEqual(1);
        expect(Math.abs(view.gain - 1)).toBeLessThanOrEqual(gentle.brightness);
        for (const place of [view.left, view.top]) expect(place).toSatisfy((value: number) => value >= 0 && value < 1);
      }),
    );
  });

  test('seeds differ, and about half of the copies are mirrored', () => {
    const views = Array.from({ length: 1000 }, (_, seed) => drawView({ seed, ...gentle }));
    const mirrored = views.filter((view) => view.mirrored).length;
    expect(mirrored).toBeGreaterThan(430);
    expect(mirrored).toBeLessThan(570);
    expect(new Set(views.map((view) => view.gain)).size).toBeGreaterThan(990);
  });

  test('without strengths nothing changes but the place, which then has no effect', () => {
    const view = drawView({ seed: 7, mirror: false, crop: 0, brightness: 0 });
    expect({ ...view, left: 0.5, top: 0.5 }).toEqual(plainView);
  });
});
