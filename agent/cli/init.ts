// `whet init`: from an empty folder to a device. Looks what the machine has, asks a few questions (or takes the defaults), and writes a
// configuration, an inbox and the model. Overwrites nothing.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { messageOf, WhetError } from '../errors.ts';
import { type FoundDevice, type FoundDevices, findDevices } from '../host/find-devices.ts';
import type { CaptureKind } from '../types.ts';
import { ask, defaults, type Flags, lookAtModel } from './init/answers.ts';
import { configurationText, inbox } from './init/plan.ts';
import { copyShipped, draftCard, modelPath, refuseExisting, writeNew } from './init/write.ts';
import { createOutput } from './output.ts';

interface Initialised {
  readonly folder: string;
  readonly config: string;
  readonly kind: CaptureKind;
  readonly model: string;
  /** The card that was drafted because the model had none; it must be corrected by hand. */
  readonly draft: string | null;
  readonly source: FoundDevice | null;
  readonly found: FoundDevices;
  readonly files: readonly string[];
  readonly next: readonly string[];
}

export function addInit(program: Command): void {
  program
    .command('init')
    .summary('from an empty folder to a device: configuration, inbox and model, by a few questions')
    .description(
      'Looks for cameras, microphones and sensors, asks a few questions, and writes whetstone.yaml, an inbox folder and a model into the folder. Overwrites nothing.',
    )
    .argument('[folder]', 'where; made where it is not there', '.')
    .option('--yes', 'ask nothing and take the defaults')
    .addOption(
      new Option('--kind <what>', 'photographs, recordings or readings; what the machine has, unless told').choices([
        'image',
        'audio',
        'sensor',
      ]),
    )
    .option('--model <file>', 'your own ONNX classifier instead of the one that comes with whet; a card is drafted where it has none')
    .addOption(
      new Option('--classes <mode>', "keep: the model's own classes; extend: those and yours; replace: yours alone").choices([
        'keep',
        'extend',
        'replace',
      ]),
    )
    .option('--broker <url>', 'an MQTT broker to report to, for example mqtt://localhost:1883')
    .option('--json', 'one JSON document on standard output; asks nothing')
    .addHelpText(
      'after',
      '\nExit status: 0 when all was written, 73 when something is there already.\n\nExample:\n  mkdir door && cd door && whet init',
    )
    .action(async (folder: string, flags: Flags) => {
      const output = createOutput(flags.json === true);
      const quiet = flags.yes === true || flags.json === true;
      if (!quiet && (process.stdin.isTTY !== true || process.stdout.isTTY !== true))
        throw new WhetError('usage', 'init asks questions, and no terminal is there to answer them', {
          hint: 'Take the defaults with --yes.',
        });
      const done = await initialise(folder, flags, quiet).catch((error: unknown) => {
        if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
        return null;
      });
      if (done === null) {
        output.note('\nnothing was written');
        process.exitCode = 130;
        return;
      }
      output.result(done, () => formatInitialised(done));
    });
}

async function initialise(folder: string, flags: Flags, quiet: boolean): Promise<Initialised> {
  const config = join(folder, 'whetstone.yaml');
  await refuseExisting(config);
  const found = await findDevices();
  const own = flags.model === undefined ? null : await lookAtModel(flags.model, flags.kind);
  const answers = quiet ? defaults(flags, found, own) : await ask(flags, found, own);
  const written: string[] = [];
  try {
    await mkdir(join(folder, inbox), { recursive: true });
    const model = own === null ? await copyShipped(folder, answers.kind, written) : modelPath(folder, own.file);
    const draft = own === null ? null : await draftCard(own, written);
    await writeNew(config, configurationText({ ...answers, model }), written);
    return {
      folder,
      config,
      kind: answers.kind,
      model,
      draft,
      source: answers.device,
      found,
      files: written,
      next: nextCommands(answers.kind, draft),
    };
  } catch (error) {
    // A half-made device is none.
    for (const path of written) await rm(path, { force: true });
    if (error instanceof WhetError) throw error;
    throw new WhetError('output-failed', `cannot write into '${folder}': ${messageOf(error)}`, {
      hint: 'Name a folder that you may write.',
      cause: error,
    });
  }
}

function nextCommands(kind: CaptureKind, draft: string | null): readonly string[] {
  const example = { image: 'photo.jpg', audio: 'recording.wav', sensor: 'readings.csv' }[kind];
  return [draft === null ? `whet predict --config whetstone.yaml ${example}` : 'whet check', 'whet run', 'whet label'];
}

function formatInitialised({ folder, config, kind, model, draft, source, next }: Initialised): string {
  const what = { image: 'photographs', audio: 'recordings', sensor: 'recordings as CSV' }[kind];
  const says = [
    draft === null ? 'what it says of a file' : 'whether all is well with the configuration',
    'look, listen and learn, until Ctrl-C',
    'what it asks, in another terminal; whet show shows it',
  ];
  return [
    `wrote     ${config}, and a folder ${join(folder, inbox)} for ${what}`,
    `model     ${model}${draft === null ? '' : `; its card ${draft} is a draft: correct it first`}`,
    `source    ${source === null ? `${inbox}/: nothing else was found` : source.how === 'iio' ? `${inbox}/; ${source.name} was found and needs a program, see ${config}` : source.name}`,
    `teach it  put ten ${what} of each thing into ${join(folder, inbox)}/THING/, a folder for each`,
    '',
    ...(folder === '.' ? [] : [`cd ${folder}`]),
    ...next.map((command, at) => `${command.padEnd(46)}  # ${says[at]}`),
  ].join('\n');
}
