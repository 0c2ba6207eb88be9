// The verbs and their options. Every action loads its code when it is called, so that `--help` and small verbs start fast.
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { cutOf, integer } from './options.ts';
import { createOutput } from './output.ts';

/** The whole command line; commander throws instead of ending the process. */
export function createProgram(): Command {
  const program = new Command('whet')
    .description('Fine-tunes the last layers of quantized ONNX models where they run, proves the result, and reports over MQTT.')
    .version(version())
    .showHelpAfterError('Run the command with --help to see what it takes.')
    .exitOverride()
    .addHelpText(
      'after',
      '\nStart here:  whet inspect MODEL\nExit status follows sysexits(3): 64 usage, 65 data, 69 unavailable, 75 try again, 78 configuration.',
    );
  addModelVerbs(program);
  for (const command of program.commands) command.exitOverride();
  return program;
}

function addModelVerbs(program: Command): void {
  withCut(program.command('inspect'))
    .summary('what a model is, where it would be cut, and whether the cut is exact')
    .description(
      'Reads an ONNX classifier, finds the cut, and proves on random inputs that backbone and tail compute what the model computes.',
    )
    .argument('<model>', 'an ONNX file: fp32, QDQ, QOperator or dynamically quantized')
    .option('--samples <n>', 'inputs for the proof', integer(1, 10_000), 8)
    .option('--threads <n>', 'threads inside one operator', integer(1, 256), 1)
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', '\nExample:\n  whet inspect mobilenet.onnx --layers 1')
    .action(async (model: string, options) => {
      const output = createOutput(options.json === true);
      const { inspect } = await import('../model/inspect.ts');
      const { formatInspect } = await import('./inspect.ts');
      const report = await inspect(model, { ...options, cut: cutOf(options), progress: output.progress });
      output.result(report, () => formatInspect(report));
    });

  program
    .command('check')
    .summary('validate the configuration and everything it names')
    .description(
      'Reads the configuration, then looks for the model, folders, certificates and commands that it names. Every problem is shown at once.',
    )
    .option('--config <file>', 'configuration; ./whetstone.yaml, then /etc/whetstone/whetstone.yaml unless told')
    .option('--json', 'one JSON document on standard output')
    .action(async (options) => {
      const { check, formatCheck } = await import('./check.ts');
      const report = await check(options.config);
      createOutput(options.json === true).result(report, () => formatCheck(report));
      if (!report.ok) process.exitCode = 78;
    });
}

function withCut(command: Command): Command {
  return command
    .addOption(
      new Option('--layers <n>', 'layers with weights to train, counted from the output').argParser(integer(1, 1000)).conflicts('cut'),
    )
    .addOption(new Option('--cut <tensor>', 'cut at this tensor instead of counting layers'));
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}
