// A training run in a process of its own, for the test of memory plans: `memory-child.ts MODEL LAYERS BATCH SAMPLES` prints what was planned and
// what the process grew by, in bytes. Linux alone: it resets the process's own peak in /proc.

import { readFileSync, writeFileSync } from 'node:fs';
import { plainLoss } from '../../agent/autodiff/loss.ts';
import { planOf } from '../../agent/autodiff/memory.ts';
import { adamW } from '../../agent/autodiff/optimizers.ts';
import { compileStep } from '../../agent/autodiff/step.ts';
import { bindFeatures } from '../../agent/autodiff/trainable.ts';
import { loadModel } from '../../agent/model/load.ts';
import { openClassifier } from '../../agent/model/open.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { sizeOf, type Tensor } from '../../agent/onnx/ir.ts';
import { floats, ints } from '../../agent/onnx/made/build.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { openSession } from '../../agent/runtime/session.ts';

const [path = '', layers, batch, samples] = process.argv.slice(2) as [string, string, string, string];
const [batchSize, count] = [Number(batch), Number(samples)];
const classifier = await openClassifier(loadModel(path).model, {
  cut: { kind: 'layers', layers: Number(layers) },
  runtime: createRuntime(),
});
const sample = classifier.features.shape.slice(1);
const tail = bindFeatures(classifier.tail, sample);
const initial = tail.model.graph.initializers;

const bytesOf = (key: string) => Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;

const options = { batch: batchSize, loss: plainLoss(classifier.classes), optimizer: adamW };
const step = compileStep(tail, options);
const plan = planOf(step, options, { samples: count, courses: 1 });
const bytes = encodeModel(step.model);
await using session = await openSession(bytes, { label: 'the step', memoryPattern: false });
const stored = new Float32Array(count * sizeOf(sample)).fill(0.5);
writeFileSync('/proc/self/clear_refs', '5');
const before = bytesOf('VmRSS') - stored.byteLength;

const features = floats([count, ...sample], stored.slice());
const steps = Math.floor(count / batchSize);
let carried: Record<string, Tensor> = {};
for (const { name, input } of step.parameters) carried[input] = initial.get(name) as Tensor;
for (const { input, dims } of step.state) carried[input] = floats(dims, 0);
for (let epoch = 0; epoch < 2; epoch += 1) {
  const out = await session.run({
    features,
    labels: ints(Array.from({ length: count }, (_, row) => row % classifier.classes)),
    weights: floats([count], 1),
    order: ints(
      Array.from({ length: steps * batchSize }, (_, at) => at),
      [steps, batchSize],
    ),
    rates: floats([steps], 1e-4),
    done: floats([], epoch * steps),
    ...carried,
  });
  carried = Object.fromEntries([...step.parameters, ...step.state].map(({ input, output }) => [input, out[output] as Tensor]));
}
console.log(JSON.stringify({ planned: plan.totalBytes, measured: bytesOf('VmHWM') - before, plan }));
