// Whole models as PyTorch 2.6 exports them (scripts/models/exported.py made the files), trained by the compiled step: ten steps of momentum give
// the losses that PyTorch itself recorded. With a batch that is free (opset 17), and with a batch of 1 written into the graph (opset 14).
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { plainLoss } from '../../agent/autodiff/loss.ts';
import { compileStep } from '../../agent/autodiff/step.ts';
import { forwardModel } from '../../agent/autodiff/trainable.ts';
import { decodeModel } from '../../agent/onnx/codec/decode.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { dequantizeTail } from '../../agent/onnx/forms/dequantize.ts';
import type { Tensor } from '../../agent/onnx/ir.ts';
import { floats } from '../../agent/onnx/made/build.ts';
import type { FloatTail } from '../../agent/onnx/surgery/tail.ts';
import { openSession } from '../../agent/runtime/session.ts';
import { train } from './training.ts';

interface Recorded {
  readonly shape: readonly number[];
  readonly x: readonly number[];
  readonly labels: readonly number[];
  readonly losses: readonly number[];
  /** After the last step, row by row. */
  readonly logits: readonly number[];
}

const file = (name: string) => readFileSync(new URL(`exported/${name}`, import.meta.url));

function tailOf(name: string, shape: readonly number[]): FloatTail {
  const whole = decodeModel(file(`${name}.onnx`));
  const inputs = whole.graph.inputs.map((info) => ({ ...info, shape: ['batch', ...shape.slice(1)] }));
  return dequantizeTail({ ...whole, graph: { ...whole.graph, inputs } });
}

const exported: readonly (readonly [string, string])[] = [
  ['lstm', 'two layers of LSTM'],
  ['lstm-both', 'an LSTM of both directions'],
  ['gru', 'a GRU of both directions'],
  ['rnn', 'an RNN'],
  ['encoder', 'an encoder layer of a transformer'],
  ['attention', 'causal scaled dot product attention'],
  ['sound', 'convolutions over a spectrogram and a GRU over time'],
  ['mobile', 'an inverted residual with squeeze and excitation'],
  ['upsampling', 'reflection, bilinear upsampling, transposed convolution and unshuffled pixels'],
];

describe('models as PyTorch exports them', () => {
  it('are refused where the export wrote the batch into a product of sizes', async () => {
    const recorded = JSON.parse(file('encoder.json').toString()) as Recorded;
    const tail = tailOf('encoder-fixed', recorded.shape);
    const compile = () => compileStep(tail, { batch: 4, loss: plainLoss(3), optimizer: { kind: 'sgd', momentum: 0, decay: 0 } });
    expect(compile).toThrow(expect.objectContaining({ code: 'model-unsupported', hint: expect.stringMatching(/dynamic batch/) }));
  });

  for (const [name, what] of exported) {
    for (const form of name === 'encoder' ? [''] : ['', '-fixed']) {
      it(`train as in PyTorch: ${what}${form === '' ? '' : ', exported with a batch of 1'}`, async () => {
        const recorded = JSON.parse(file(`${name}.json`).toString()) as Recorded;
        const tail = tailOf(`${name}${form}`, recorded.shape);
        const features = floats(recorded.shape, recorded.x);
        const batch = recorded.labels.length;
        const optimizer = { kind: 'sgd', momentum: 0.9, decay: 0 } as const;
        const order = recorded.losses.map(() => recorded.labels.map((_, row) => row));
        const trained = await train(
          tail,
          { batch, loss: plainLoss(3), optimizer },
          { features, labels: recorded.labels, epochs: [{ order, rate: 0.1 }] },
        );
        for (const [step, loss] of recorded.losses.entries()) expect(trained.losses[step]).toBeCloseTo(loss, 4);

        // What ships is the model's own operators with the new weights.
        await using forward = await openSession(encodeModel(forwardModel(tail)), { label: 'the tail' });
        const weights = tail.parameters.map(({ name: parameter, dims }): [string, Tensor] => [
          parameter,
          floats(dims, trained.parameters[parameter] ?? []),
        ]);
        const found = await forward.run({ [tail.input]: features, ...Object.fromEntries(weights) });
        const logits = Array.from(found[tail.logits]?.data as Float32Array);
        for (const [at, logit] of recorded.logits.entries()) expect(logits[at]).toBeCloseTo(logit, 3);
      });
    }
  }
});
