// `whet quantize`: its options, and the report → text.
import { type Command, Option } from 'commander';
import type { QuantizeReport } from '../quantize/report.ts';
import { integer, percent } from './options.ts';
import { createOutput } from './output.ts';
import { bytes, proportion, table } from './text.ts';

export function addQuantize(program: Command, signal: AbortSignal): void {
  program
    .command('quantize')
    .summary('a float model → int8, with what that costs')
    .description(
      'Quantizes a float ONNX classifier to int8 (QDQ: weights a channel, activations a tensor), calibrated on real captures, and compares the two on captures that calibration did not see.',
    )
    .argument('<model>', 'a float ONNX classifier, opset 7 or newer; it is not changed')
    .requiredOption('--data <dir>', 'captures to calibrate on: one folder a class, or just files')
    .requiredOption('--out <file>', 'where the int8 model goes; its card is written beside it')
    .option('--test <dir>', 'captures to compare on; what calibration leaves of the data unless told')
    .addOption(
      new Option('--ranges <how>', 'how activation ranges are chosen').choices(['minmax', 'percentile', 'entropy']).default('minmax'),
    )
    .option('--percent <p>', 'with --ranges percentile: how many of the values lie inside', percent(90, 100), 99.99)
    .option('--bias-correction', 'move biases by what rounding does to the mean of each layer')
    .option('--samples <n>', 'captures to calibrate on, spread over the data', integer(1, 100_000), 200)
    .option('--from <tensor>', 'everything before this tensor stays float (an audio front end)')
    .option('--keep-float <name...>', 'nodes, or tensors that they give, that stay float')
    .addOption(new Option('--activations <type>', 'type of activations').choices(['uint8', 'int8']).default('uint8'))
    .option('--per-tensor', 'one scale for all channels of a weight')
    .option('--reduce-range', 'weights of 7 bits, for x64 processors without VNNI')
    .option('--card <file>', 'model card, where it is not beside the model')
    .option('--threads <n>', 'threads inside one operator', integer(1, 256), 1)
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', '\nExample:\n  whet quantize mobilenet-fp32.onnx --data photos --bias-correction --out mobilenet-int8.onnx')
    .action(async (model: string, { perTensor, biasCorrection, reduceRange, keepFloat, ...options }) => {
      const output = createOutput(options.json === true);
      const { quantize } = await import('../quantize.ts');
      const { createRuntime } = await import('../runtime/runtime.ts');
      const report = await quantize({
        ...options,
        runtime: createRuntime(options),
        model,
        perChannel: perTensor !== true,
        biasCorrection: biasCorrection === true,
        reduceRange: reduceRange === true,
        keepFloat: keepFloat ?? [],
        signal,
        progress: output.progress,
        note: output.note,
      });
      output.result(report, () => formatQuantize(report));
    });
}

const judgedOn: Readonly<Record<QuantizeReport['test']['from'], string>> = {
  test: 'test captures',
  rest: 'captures that calibration did not see',
  calibration: 'captures that also calibrated, so the numbers flatter',
};

function formatQuantize(report: QuantizeReport): string {
  const { model, artifact, calibration, test, layers, latencyMs } = report;
  const correction = calibration.biasCorrection ? ', biases corrected' : '';
  const unreadable = calibration.unreadable > 0 ? `, ${calibration.unreadable} could not be read` : '';
  return [
    `calibration ${calibration.samples} captures${unreadable}, ranges by ${calibration.ranges}${correction}; ${calibration.layers} layers, ${calibration.activations} activations`,
    `judged on   ${test.samples} ${judgedOn[test.from]}, ${test.labelled} with a label`,
    table([
      ['', 'size', 'latency', 'accuracy'],
      ['float', bytes(model.bytes), `${latencyMs.float.toFixed(2)} ms`, proportion(test.float)],
      ['int8', bytes(artifact.bytes), `${latencyMs.int8.toFixed(2)} ms`, proportion(test.int8)],
    ]),
    `agreement   ${proportion(test.agreement)}; scores differ by at most ${test.largestDifference.toPrecision(3)}`,
    `worst       ${layers
      .slice(0, 3)
      .map(({ tensor, op, decibels }) => `${tensor} (${op}) ${decibels.toFixed(1)} dB`)
      .join(', ')}`,
    `wrote       ${artifact.file}  ${bytes(artifact.bytes)}  sha256 ${artifact.sha256.slice(0, 16)}…  in ${report.seconds.toFixed(1)} s, ${report.peakRssMb} MB`,
  ].join('\n');
}
