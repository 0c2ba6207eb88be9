// The verbs and their options. Every action loads its code when it is called, so that `--help` and small verbs start fast.
import { Command, Option } from 'commander';
import { version } from '../installation.ts';
import { addDeviceVerbs } from './device-verbs.ts';
import { addInit } from './init.ts';
import { cutOf, integer, share } from './options.ts';
import { createOutput } from './output.ts';
import { addPredict } from './predict.ts';
import { addQuantize } from './quantize.ts';

/** The whole command line; commander throws instead of ending the process. */
export function createProgram(signal: AbortSignal): Command {
  const program = new Command('whet')
    .description('Fine-tunes the last layers of quantized ONNX models where they run, proves the result, and reports over MQTT.')
    .version(version)
    .showHelpAfterError('Run the command with --help to see what it takes.')
    .exitOverride()
    .addHelpText(
      'after',
      '\nStart here:  whet demo   (see it work), then whet init   (a device of your own)\n\nWords:  capture: a picture, recording or window of readings · label: what somebody says it is · cut: where a model is divided; the tail behind it is\nlearned, what stands before stays · release: a learned model that was accepted · gate: what decides that, on captures it has not learned from\nExit status follows sysexits(3): 64 usage, 65 data, 69 unavailable, 75 try again, 78 configuration.',
    );
  addModelVerbs(program, signal);
  addDeviceVerbs(program, signal);
  for (const command of program.commands) command.exitOverride();
  return program;
}

function addModelVerbs(program: Command, signal: AbortSignal): void {
  addDemo(program, signal);
  addInit(program);

  withCut(program.command('inspect'))
    .summary('what a model is, where it would be cut, and whether the cut is exact')
    .description(
      'Reads an ONNX classifier, finds the cut, and proves on random inputs that backbone and tail compute what the model computes.',
    )
    .argument('<model>', 'an ONNX file: fp32, QDQ, QOperator or dynamically quantized')
    .option('--samples <n>', 'inputs for the proof', integer(1, 10_000), 8)
    .option('--card <file>', 'model card; that beside the model unless told')
    .option('--output <name>', 'the output that holds the scores, where the model has several')
    .option('--threads <n>', 'threads inside one operator', integer(1, 256), 1)
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', '\nExample:\n  whet inspect mobilenet.onnx --layers 1')
    .action(async (model: string, options) => {
      const output = createOutput(options.json === true);
      const { inspect } = await import('../model/inspect.ts');
      const { formatInspect, knownOf } = await import('./inspect.ts');
      const { createRuntime } = await import('../runtime/runtime.ts');
      const { note, progress } = output;
      const report = await inspect(model, {
        ...options,
        ...(await knownOf(model, options.card, note)),
        runtime: createRuntime(options),
        cut: cutOf(options),
        progress,
        note,
      });
      output.result(report, () => formatInspect(report));
    });

  withCut(program.command('adapt'))
    .summary('personalise a model with a folder of photographs, and report honestly')
    .description(
      'Fine-tunes the last layers on folder-per-class data, writes the model back in the quantized form it came in, and measures the written file.',
    )
    .argument('<model>', 'the ONNX classifier to start from; it is not changed')
    .requiredOption('--data <dir>', 'training data: one folder a class, named like the class')
    .requiredOption('--out <file>', 'where the personalised model goes; its card is written beside it')
    .option('--test <dir>', 'test data in the same layout, used for the report only')
    .addOption(
      new Option('--classes <mode>', "keep: the model's own classes; extend: those and yours; replace: yours alone")
        .choices(['keep', 'extend', 'replace'])
        .default('keep'),
    )
    .addOption(
      new Option('--task <what>', 'quantities (regression) or a distance from what is normal (anomaly) instead of classes').choices([
        'classification',
        'regression',
        'anomaly',
      ]),
    )
    .option('--false-alarms <share>', 'with --task anomaly: share of normal captures that may raise an alarm; 1% unless told', share)
    .option('--card <file>', 'model card, where it is not beside the model')
    .option('--output <name>', 'the output that holds the scores, where the model has several')
    .addOption(new Option('--learner <name>', 'auto decides on held-out data').choices(['auto', 'closed-form', 'gradient']).default('auto'))
    .addOption(
      new Option('--engine <name>', 'what trains by gradients; tfjs needs @tensorflow/tfjs-node').choices(['onnx', 'tfjs']).default('onnx'),
    )
    .option(
      '--training <key=value>',
      'how gradient steps train, again for each: epochs, rate, schedule, freeze … (see training.gradient of the configuration)',
      (pair: string, earlier: readonly string[]) => [...earlier, pair],
      [] as readonly string[],
    )
    .option('--threads <n>', 'threads inside one operator', integer(1, 256), 1)
    .option('--seed <n>', 'seed of splits and shuffles', integer(0, 2 ** 31 - 1), 1)
    .option('--force', 'write the model although the gate rejected it')
    .option('--json', 'one JSON document on standard output')
    .addHelpText(
      'after',
      `
Exit status: 0 accepted, or not worse where a test is too small to show more (or forced), 75 the gate rejected the candidate or waits for more data, 65 the data or the model cannot be used.

With --task regression the data are captures and a targets.csv ("file,weight [kg]"), with --task anomaly captures of what is normal;
its test has the folders normal and anomalous.

Examples:
  whet adapt mobilenet.onnx --data photos/train --test photos/test --classes replace --out mine.onnx
  whet adapt motion.onnx --task anomaly --data normal --test checks --out still-normal.onnx`,
    )
    .action(async (model: string, options) => {
      const output = createOutput(options.json === true);
      const { taskOf } = await import('../adapt/task.ts');
      const task = await taskOf({ ...options, model });
      const { adaptTask } = await import('./adapt-task.ts');
      const { createRuntime } = await import('../runtime/runtime.ts');
      const runtime = createRuntime(options);
      if (task !== 'classification') return adaptTask(task, { ...options, model, runtime, cut: cutOf(options), signal }, output);
      const { adapt } = await import('../adapt.ts');
      const { formatAdapt } = await import('./adapt.ts');
      const { parseGradientSettings } = await import('../config/gradient-schema.ts');
      const gradient = parseGradientSettings(options.training);
      const report = await adapt({
        ...options,
        gradient,
        runtime,
        model,
        cut: cutOf(options),
        signal,
        progress: output.progress,
        note: output.note,
      });
      output.result(report, () => formatAdapt(report));
      if (report.artifact === null) process.exitCode = 75;
    });

  addCompile(program);
  addPredict(program, signal);
  addQuantize(program, signal);

  const weights = program.command('weights').summary("another device's weights over MQTT").exitOverride();
  weights
    .command('receive')
    .exitOverride()
    .summary('fetch the current weights of a device and rebuild its exact model')
    .requiredOption('--broker <url>', 'mqtt:// or mqtts:// address')
    .requiredOption('--device <name>', 'the device to ask')
    .requiredOption('--out <file>', 'where the weights (or, with --base, the model) go')
    .option('--base <model>', 'the base model, to rebuild the whole artifact')
    .option('--root <topic>', 'first topic level', 'whetstone')
    .option('--username <name>')
    .option('--password-file <file>', 'a file whose first line is the password')
    .option('--ca <file>', 'certificate authority of the broker')
    .option('--cert <file>', 'client certificate')
    .option('--key <file>', 'key of the client certificate')
    .option('--timeout <seconds>', 'how long to wait for the device', integer(1, 86_400), 30)
    .option('--json', 'one JSON document on standard output')
    .action(async (options) => {
      const output = createOutput(options.json === true);
      const { receive, formatReceived } = await import('./weights.ts');
      const received = await receive({ ...options, signal, progress: output.progress });
      output.result(received, () => formatReceived(received));
    });
}

function addDemo(program: Command, signal: AbortSignal): void {
  program
    .command('demo')
    .summary('see it work in a minute, with nothing but this program')
    .description(
      'A device that misunderstands an accent is told a few words over MQTT, adapts by itself, understands, and keeps what it knew. Broker, daemon and recorded microphone come with it. With --task objects: drawn pictures of things that the shipped model has never seen.',
    )
    .addOption(new Option('--task <task>', 'what is shown').choices(['accent', 'objects']).default('accent'))
    .option('--dir <dir>', 'keep everything here; a temporary folder unless told')
    .option('--data <dir>', 'accent: real recordings, {digit}_{speaker}_{index}.wav, index 0 to 4 to judge and 5 on to learn from')
    .option('--speaker <name>', 'accent: whose recordings; the first of the folder unless told')
    .option('--words <n>', 'accent: recordings of each digit to judge and to learn from', integer(1, 20), 3)
    .option('--photographs <n>', 'objects: pictures of each thing to learn from', integer(2, 500), 12)
    .option('--once', 'accent: end when it is done, also on a terminal')
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', '\nExit status: 0 when the adaptation was accepted and nothing was forgotten, else 75.')
    .action(async (options) => {
      const output = createOutput(options.json === true);
      const { demoDirectory, formatObjectsDemo, runAccentDemo } = await import('./demo.ts');
      if (options.task === 'accent') {
        if (!(await runAccentDemo(options, output, signal))) process.exitCode = 75;
        return;
      }
      const { objectsDemo } = await import('../demo/objects.ts');
      const directory = demoDirectory(options.dir);
      const report = await objectsDemo({ directory, photographs: options.photographs, signal, progress: output.progress });
      output.result(report, () => formatObjectsDemo(report, directory));
      if (report.verdict.kind !== 'accepted') process.exitCode = 75;
    });
}

function addCompile(program: Command): void {
  withCut(program.command('compile'))
    .summary('the training step of the last layers as an ONNX file, for Python, C++ or a browser')
    .description(
      'Writes one ONNX graph that trains the last layers in any ONNX Runtime: forward pass, loss, backward pass and update. Beside it stand its first weights (.safetensors) and its contract (.json).',
    )
    .argument('<model>', 'an ONNX classifier: fp32, QDQ, QOperator or dynamically quantized')
    .requiredOption('--out <file>', 'where the step goes, ending in .onnx')
    .option('--batch <n>', 'samples in one step', integer(1, 65_536), 32)
    .addOption(new Option('--optimizer <name>', 'what makes an update of a gradient').choices(['adamw', 'sgd']).default('adamw'))
    .option('--classes <n>', 'a new last layer of so many classes, beginning at zero', integer(2, 1_000_000))
    .option('--card <file>', 'model card, where the model leaves height or width free')
    .option('--parts', 'also write the frozen part and the forward pass of the tail')
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', '\nExample:\n  whet compile mobilenet.onnx --layers 2 --batch 16 --out step.onnx')
    .action(async (model: string, options) => {
      const output = createOutput(options.json === true);
      const { compile } = await import('../compile.ts');
      const { formatCompile } = await import('./compile.ts');
      const report = await compile({ ...options, model, cut: cutOf(options) });
      output.result(report, () => formatCompile(report));
    });
}

function withCut(command: Command): Command {
  return command
    .addOption(
      new Option('--layers <n>', 'layers with weights to train, counted from the output').argParser(integer(1, 1000)).conflicts('cut'),
    )
    .addOption(new Option('--cut <tensor>', 'cut at this tensor instead of counting layers'));
}
