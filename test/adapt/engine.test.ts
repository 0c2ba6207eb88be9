// `whet adapt --engine tfjs`: a whole adaptation with gradients of TensorFlow.js. Its build in pure JavaScript stands in for the one for Node,
// whose operators have the same names; without either, the error says what to install.
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { tf } from '../autodiff/tensorflow.ts';
import { labels, openWorkplace, photographs } from './workplace.ts';

const work = openWorkplace();
afterEach(() => {
  vi.doUnmock('@tensorflow/tfjs-node');
});

describe('the engine of an adaptation', () => {
  it('is TensorFlow.js where that is wanted', async () => {
    const tensors = vi.fn(tf.valueAndGrads);
    vi.doMock('@tensorflow/tfjs-node', () => ({ ...tf, default: undefined, valueAndGrads: tensors }));
    const data = await photographs(join(work.place, 'few'), labels, 2, 4);
    const report = await work.run({ data, test: work.test, learner: 'gradient', engine: 'tfjs', force: true });
    expect(report).toMatchObject({ learner: 'gradient', samples: { train: 10 } });
    expect(report.samples.test + report.overlap).toBe(50);
    expect(report.after.accuracy).toBeGreaterThan(0.3);
    expect(report.artifact).not.toBeNull();
    expect(tensors).toHaveBeenCalled();
  }, 120_000);

  it('is an error where it is not installed, and nothing is written', async () => {
    vi.doMock('@tensorflow/tfjs-node', () => {
      throw new Error('Cannot find package');
    });
    const failure = await work.failureOf({ learner: 'gradient', engine: 'tfjs' });
    expect(failure).toMatchObject({ code: 'engine-unavailable', exit: 69 });
    expect(work.entries()).toEqual([]);
    // The closed form needs no engine.
    await expect(work.run({ learner: 'closed-form', engine: 'tfjs' })).resolves.toMatchObject({ learner: 'closed-form' });
  });
});
