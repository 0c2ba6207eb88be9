// The verbs that work with a device: its daemon, samples, runs and releases. Each asks the running daemon, or works on the store itself.
import { type Command, Option } from 'commander';
import { integer } from './options.ts';
import { createOutput } from './output.ts';

interface DeviceOptions {
  readonly config?: string;
  readonly json?: boolean;
}

export function addDeviceVerbs(program: Command, signal: AbortSignal): void {
  const verb = (name: string, summary: string) =>
    program
      .command(name)
      .summary(summary)
      .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
      .option('--config <file>', 'configuration; ./whetstone.yaml, then /etc/whetstone/whetstone.yaml unless told')
      .option('--json', 'one JSON document on standard output');

  verb('run', 'run the daemon: collect, learn, report, until stopped').action(async (options: DeviceOptions) => {
    const { run } = await import('./run.ts');
    await run(options.config, signal);
    process.exitCode = 0;
  });

  verb('check', 'validate the configuration and everything it names').action(async (options: DeviceOptions) => {
    const { check, exitOf, formatCheck } = await import('./check.ts');
    const report = await check(options.config);
    createOutput(options.json === true).result(report, () => formatCheck(report));
    process.exitCode = exitOf(report);
  });

  verb('status', 'what the device is doing, what it knows, what it waits for').action(async (options: DeviceOptions) => {
    const { formatStatus } = await import('./status.ts');
    await onDevice(options, async (device, output) => {
      const status = await device.status({});
      output.result(status, () => formatStatus(status));
    });
  });

  verb('label', 'say what samples are; without arguments, list what the device asks')
    .argument('[label]', "the class, or '-' to take a label back")
    .argument('[samples...]', 'sample ids; the open questions are listed without them')
    .option('--limit <n>', 'questions to list', integer(1, 10_000), 20)
    .action(async (label: string | undefined, samples: readonly string[], options: DeviceOptions & { readonly limit: number }) => {
      const { formatLabelled, formatQuestions } = await import('./label.ts');
      await onDevice(options, async (device, output) => {
        if (label === undefined) {
          const { questions } = await device.questions({ limit: options.limit });
          return output.result(questions, () => formatQuestions(questions));
        }
        const given = label === '-' ? null : label;
        const done = await device.label({ samples: samples.map((sample) => ({ sample, label: given })) });
        const labelled = { label: given, ...done };
        output.result(labelled, () => formatLabelled(labelled));
        if (labelled.unknown.length > 0) process.exitCode = 65;
      });
    });

  verb('train', 'train now, whatever the schedule says')
    .option('--reason <text>', 'why, for the report', 'asked for on the command line')
    .action(async (options: DeviceOptions & { readonly reason: string }) => {
      const { formatTraining } = await import('./train.ts');
      await onDevice(options, async (device, output) => {
        const report = await device.train({ reason: options.reason }, { progress: output.progress, signal });
        output.result(report, () => formatTraining(report));
        if (report.verdict.kind !== 'accepted') process.exitCode = 75;
      });
    });

  const models = verb('models', 'the releases on this device, newest first').action(async (options: DeviceOptions) => {
    const { formatReleases } = await import('./models.ts');
    await onDevice(options, async (device, output) => {
      const releases = await device.releases({});
      output.result(releases, () => formatReleases(releases));
    });
  });
  addPull(models, signal);

  verb('rollback', 'go back to an earlier release')
    .argument('[version]', "a version from `whet models`, or 'base'; the one before the current unless told")
    .action(async (version: string | undefined, options: DeviceOptions) => {
      await onDevice(options, async (device, output) => {
        const switched = await device.rollback(version === undefined ? {} : { version });
        output.result(switched, () => `current release: ${switched.current} (was ${switched.previous})`);
      });
    });

  verb('forget', 'remove samples and everything that was learned from them, exactly')
    .argument('[samples...]', 'sample ids')
    .option('--label <class>', 'all samples of this class')
    .option('--source <name>', 'all samples of this source')
    .option('--before <time>', 'all samples before this time (ISO 8601)')
    .option('--after <time>', 'all samples after this time (ISO 8601)')
    .addOption(new Option('--all', 'everything').conflicts(['label', 'source', 'before', 'after']))
    .action(async (samples: readonly string[], options: DeviceOptions & Record<string, string | boolean | undefined>) => {
      const { formatForgotten, selectorOf } = await import('./forget.ts');
      const selector = selectorOf(samples, options);
      await onDevice(options, async (device, output) => {
        const forgotten = await device.forget(selector, { progress: output.progress, signal });
        output.result(forgotten, () => formatForgotten(forgotten));
      });
    });

  for (const [name, summary] of [
    ['pause', 'stop scheduled training until resumed'],
    ['resume', 'let scheduled training go on'],
  ] as const) {
    verb(name, summary).action(async (options: DeviceOptions) => {
      await onDevice(options, async (device, output) => {
        const state = await device[name]({});
        output.result(state, () => (state.paused ? 'scheduled training is paused' : 'scheduled training goes on'));
      });
    });
  }
}

function addPull(models: Command, signal: AbortSignal): void {
  models
    .command('pull')
    .exitOverride()
    .summary('fetch a public quantized model, checked, with its card')
    .description('Fetches a public model by its name in the catalog, checks its size and sha256, and writes a model card beside it.')
    .argument('[name]', 'a name of the catalog, which is listed without one')
    .option('--out <file>', 'where the model goes; NAME.onnx here unless told')
    .option('--from <place>', 'a mirror that holds the file by its name: a folder, or an http(s) address')
    .option('--proxy <url>', 'an HTTP proxy; HTTPS_PROXY and NO_PROXY of the environment unless told')
    .option('--json', 'one JSON document on standard output')
    .addHelpText('after', '\nA transfer that was cut off goes on where it stopped.\n\nExample:\n  whet models pull mobilenetv2-12-int8')
    .action(async (name: string | undefined, given: PullFlags, command: Command) => {
      // `--json` is an option of the verb above as well, and commander gives it to that one.
      const output = createOutput(command.optsWithGlobals().json === true);
      const [{ readCatalog, shippedCatalog }, { formatCatalog, formatPulled }] = await Promise.all([
        import('../catalog/catalog.ts'),
        import('./pull.ts'),
      ]);
      const catalog = readCatalog(shippedCatalog);
      if (name === undefined) return output.result(catalog, () => formatCatalog(catalog));
      const { pull } = await import('../catalog/pull.ts');
      const pulled = await pull(catalog, { ...given, name, env: process.env, signal, progress: output.progress });
      output.result(pulled, () => formatPulled(pulled));
    });
}

interface PullFlags {
  readonly out?: string;
  readonly from?: string;
  readonly proxy?: string;
}

async function onDevice(
  options: DeviceOptions,
  use: (device: import('../operations/table.ts').Device, output: import('./output.ts').Output) => Promise<void>,
): Promise<void> {
  const { openDevice } = await import('../open-device.ts');
  await using device = await openDevice(options.config);
  await use(device, createOutput(options.json === true));
}
