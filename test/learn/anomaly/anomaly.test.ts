import { describe, expect, it } from 'vitest';
import { fitNormal, normalOf, scoreAll, thresholdOf } from '../../../agent/learn/anomaly/anomaly.ts';
import { rankingQuality } from '../../../agent/learn/anomaly/ranking.ts';
import { invertPositive } from '../../../agent/learn/ridge/cholesky.ts';
import { gatherStatistics } from '../../../agent/learn/ridge/gather.ts';
import { addStatistics } from '../../../agent/learn/ridge/statistics.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import { noise } from '../../models.ts';

const options = { falseAlarms: 0.05, seed: 1, runtime: createRuntime() };

/** Correlated features: three hidden numbers spread over `width`, and a little of their own. */
function normalRows(count: number, width: number, seed: number, shift = 0) {
  const hidden = noise(count * 3, seed);
  const own = noise(count * width, seed + 1);
  const mixing = noise(3 * width, 5);
  const features = Float32Array.from({ length: count * width }, (_, at) => {
    const [row, column] = [Math.floor(at / width), at % width];
    const shared = [0, 1, 2].reduce((sum, part) => sum + hidden[row * 3 + part]! * mixing[part * width + column]!, 0);
    return 5 + shared + 0.1 * own[at]! + (column === 2 ? shift : 0);
  });
  return { features, count, width };
}

const sums = (rows: ReturnType<typeof normalRows>) => gatherStatistics(rows, new Float32Array(rows.count), 1, createRuntime());
const eachAlone = (count: number) => Int32Array.from({ length: count }, (_, row) => row);

describe('normalOf', () => {
  it('is the Mahalanobis distance of the shrunk covariance, over the root of the width', async () => {
    const rows = normalRows(200, 8, 3);
    const normal = await normalOf(await sums(rows), createRuntime());
    const mean = Float64Array.from(
      { length: 8 },
      (_, at) => Array.from({ length: 200 }, (_row, row) => rows.features[row * 8 + at]!).reduce((a, b) => a + b) / 200,
    );
    const covariance = new Float64Array(64);
    for (let row = 0; row < 200; row += 1)
      for (let at = 0; at < 64; at += 1)
        covariance[at]! +=
          ((rows.features[row * 8 + Math.floor(at / 8)]! - mean[Math.floor(at / 8)]!) *
            (rows.features[row * 8 + (at % 8)]! - mean[at % 8]!)) /
          200;
    const trace = [0, 1, 2, 3, 4, 5, 6, 7].reduce((sum, at) => sum + covariance[at * 9]!, 0);
    const shrunk = covariance.map((value, at) => (1 - normal.shrinkage) * value + (at % 9 === 0 ? (normal.shrinkage * trace) / 8 : 0));
    const inverse = invertPositive(shrunk, 8)!;
    const scores = await scoreAll(normal, { ...rows, count: 20 }, createRuntime());
    for (const [row, score] of scores.entries()) {
      const z = mean.map((value, at) => rows.features[row * 8 + at]! - value);
      let squared = 0;
      for (let at = 0; at < 64; at += 1) squared += z[Math.floor(at / 8)]! * inverse[at]! * z[at % 8]!;
      expect(score).toBeCloseTo(Math.sqrt(squared / 8), 1);
    }
    expect(normal.shrinkage).toBeGreaterThan(0);
    expect(normal.shrinkage).toBeLessThan(0.2);
  });

  it('needs the additive sums alone: two devices together know what one with all captures knows', async () => {
    const [a, b] = [normalRows(60, 8, 3), normalRows(60, 8, 4)];
    const both = { features: Float32Array.from([...a.features, ...b.features]), count: 120, width: 8 };
    const joined = await scoreAll(await normalOf(addStatistics(await sums(a), await sums(b)), createRuntime()), both, createRuntime());
    const whole = await scoreAll(await normalOf(await sums(both), createRuntime()), both, createRuntime());
    for (const [row, score] of joined.entries()) expect(score).toBeCloseTo(whole[row]!, 2);
  });

  it('shrinks more the fewer captures there are, and gives finite scores for equal ones', async () => {
    const few = await normalOf(await sums(normalRows(6, 40, 3)), createRuntime());
    const many = await normalOf(await sums(normalRows(400, 40, 3)), createRuntime());
    expect(few.shrinkage).toBeGreaterThan(many.shrinkage);
    const equal = { features: new Float32Array(30).fill(2), count: 3, width: 10 };
    const scores = await scoreAll(await normalOf(await sums(equal), createRuntime()), equal, createRuntime());
    expect(scores.every(Number.isFinite)).toBe(true);
  });
});

describe('fitNormal', () => {
  it('finds a shift that is small against the spread but breaks the correlation', async () => {
    const fitted = (await fitNormal(normalRows(150, 12, 3), eachAlone(150), options))!;
    const fresh = await scoreAll(fitted.normal, normalRows(200, 12, 30), createRuntime());
    const shifted = await scoreAll(fitted.normal, normalRows(200, 12, 31, 0.4), createRuntime());
    expect(rankingQuality(fresh, shifted)).toBeGreaterThan(0.95);
    const alarms = fresh.filter((score) => score > fitted.threshold).length / 200;
    expect(alarms).toBeLessThan(0.12);
    expect(alarms).toBeGreaterThan(0);
  });

  it('scores a capture without itself, and copies of it leave with it', async () => {
    const rows = normalRows(15, 8, 3);
    rows.features.fill(9, 0, 8);
    const groups = eachAlone(15);
    const alone = (await fitNormal(rows, groups, options))!;
    const inside = await scoreAll(alone.normal, rows, createRuntime());
    expect(alone.leftOut[0]).toBeGreaterThan(1.2 * inside[0]!);
    const doubled = { features: Float32Array.from([...rows.features, ...rows.features.slice(0, 8)]), count: 16, width: 8 };
    const together = (await fitNormal(doubled, Int32Array.from([...groups, 0]), options))!;
    expect(together.leftOut[0]).toBeCloseTo(together.leftOut[15]!, 3);
    expect(together.leftOut[0]).toBeGreaterThan(1.2 * inside[0]!);
  });

  it('needs three different captures', async () => {
    expect(await fitNormal(normalRows(4, 8, 3), Int32Array.of(0, 0, 1, 1), options)).toBeNull();
  });
});

describe('thresholdOf and rankingQuality', () => {
  it('leave at most the wished share above, and count ties as half', () => {
    const scores = Float32Array.from({ length: 100 }, (_, at) => at + 1);
    expect(thresholdOf(scores, 0.1)).toBe(91);
    expect(thresholdOf(scores, 0.001)).toBe(100);
    expect(rankingQuality([1, 2], [3, 4])).toBe(1);
    expect(rankingQuality([1, 2], [2])).toBe(0.75);
    expect(rankingQuality([1, 2], [0])).toBe(0);
  });
});
