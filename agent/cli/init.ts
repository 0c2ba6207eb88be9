// `whet init`: from an empty folder to a device. Looks what the machine has, asks a few questions (or takes the defaults), and writes a
// configuration, an inbox and the model. Overwrites nothing.
import { constants } from 'node:fs';
import { access, copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { type Command, Option } from 'commander';
import { audioCard, captureKind, exampleCard, findCard, loadCard, type ModelCard } from '../config/card.ts';
import { messageOf, WhetError } from '../errors.ts';
import { type FoundDevice, type FoundDevices, findDevices } from '../host/find-devices.ts';
import { shippedFile } from '../installation.ts';
import type { CaptureKind } from '../types.ts';
import { configurationText, type InitPlan, inbox } from './init/plan.ts';
import { askerOf, choose, deviceChoices } from './init/questions.ts';
import { createOutput } from './output.ts';

/** Beside the program, wherever it is installed. */
const shippedModels = shippedFile('models');
const shipped: Readonly<Record<CaptureKind, { readonly name: string; readonly knows: string }>> = {
  image: { name: 'objects', knows: 'ten kinds of things and animals, in small photographs' },
  audio: { name: 'spoken-digits', knows: 'the spoken digits 0 to 9' },
  sensor: { name: 'motion', knows: 'seven kinds of movement, from a six-axis sensor' },
};
/** Digits stay digits in every voice; what a camera or a motor is to tell apart is everybody's own. */
const usualClasses: Readonly<Record<CaptureKind, InitPlan['classes']>> = { image: 'replace', audio: 'keep', sensor: 'replace' };

interface Flags {
  readonly yes?: boolean;
  readonly kind?: CaptureKind;
  readonly model?: string;
  readonly classes?: InitPlan['classes'];
  readonly broker?: string;
  readonly json?: boolean;
}

export interface Initialised {
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

export async function initialise(folder: string, flags: Flags, quiet: boolean): Promise<Initialised> {
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

interface OwnModel {
  readonly file: string;
  readonly card: ModelCard | null;
  readonly draft: string;
}

async function lookAtModel(file: string, kind: CaptureKind | undefined): Promise<OwnModel> {
  const { modelShape } = await import('../model/model-shape.ts');
  const shape = modelShape(file);
  const path = await findCard(file);
  return {
    file,
    card: path === null ? null : await loadCard(path),
    draft: kind === 'audio' ? audioCard(file, shape) : exampleCard(file, shape),
  };
}

type Answers = Omit<InitPlan, 'model'>;

function devicesOf(kind: CaptureKind, { cameras, microphones, sensors }: FoundDevices): readonly FoundDevice[] {
  return { image: cameras, audio: microphones, sensor: sensors }[kind];
}

/** What the model takes, else what was said, else what the machine has. */
function kindOf(flags: Flags, found: FoundDevices, own: OwnModel | null): CaptureKind {
  const taken = own === null ? null : captureKind((own.card ?? (JSON.parse(own.draft) as ModelCard)).input);
  if (taken !== null && flags.kind !== undefined && flags.kind !== taken && own?.card !== null)
    throw new WhetError('usage', `--kind ${flags.kind}: the model takes ${taken} (its card says so)`, { hint: 'Leave --kind out.' });
  if (flags.kind !== undefined) return flags.kind;
  if (taken !== null) return taken;
  const order: readonly CaptureKind[] = ['image', 'audio', 'sensor'];
  return order.find((kind) => devicesOf(kind, found).length > 0) ?? 'image';
}

function defaults(flags: Flags, found: FoundDevices, own: OwnModel | null): Answers {
  const kind = kindOf(flags, found, own);
  return { kind, classes: flags.classes ?? usualClasses[kind], device: devicesOf(kind, found)[0] ?? null, broker: flags.broker ?? null };
}

async function ask(flags: Flags, found: FoundDevices, own: OwnModel | null): Promise<Answers> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const asker = askerOf(terminal);
  try {
    const first = kindOf(flags, found, own);
    const kinds: readonly CaptureKind[] = [first, ...(['image', 'audio', 'sensor'] as const).filter((kind) => kind !== first)];
    const text = (kind: CaptureKind) =>
      `${{ image: 'Photographs', audio: 'Sounds', sensor: 'Movement' }[kind]} (the model knows ${shipped[kind].knows})`;
    const kind =
      flags.kind ??
      (own === null
        ? await choose(
            asker,
            'What shall it look at?',
            kinds.map((value) => ({ value, text: text(value) })),
          )
        : first);
    const devices = devicesOf(kind, found);
    const device = devices.length === 0 ? null : await choose(asker, 'Where do captures come from?', deviceChoices(devices));
    const usual = flags.classes ?? usualClasses[kind];
    const modes = [
      { value: 'replace', text: 'only what I show it' },
      { value: 'keep', text: 'what the model knows, learned better' },
      { value: 'extend', text: 'what the model knows, and what I show it' },
    ] as const;
    const sorted = [...modes].sort((a, b) => Number(b.value === usual) - Number(a.value === usual));
    const classes = flags.classes ?? (await choose(asker, 'What shall it tell apart?', sorted));
    const broker = flags.broker ?? ((await asker('An MQTT broker to report to (mqtt://host:1883; Enter for none): ')).trim() || null);
    return { kind, classes, device, broker };
  } finally {
    terminal.close();
  }
}

/** The model and all that stands beside it, so that the folder needs nothing else, and an update of whet changes no device. */
async function copyShipped(folder: string, kind: CaptureKind, written: string[]): Promise<string> {
  const { name } = shipped[kind];
  const target = join(folder, 'models', name);
  await mkdir(target, { recursive: true });
  for (const file of await readdir(join(shippedModels, name))) {
    if (!(await stat(join(shippedModels, name, file))).isFile()) continue;
    const [source, copy] = [join(shippedModels, name, file), join(target, file)];
    if (await isSame(source, copy)) continue;
    await refuseExisting(copy);
    await copyFile(source, copy, constants.COPYFILE_EXCL);
    written.push(copy);
  }
  return `models/${name}/model.onnx`;
}

/** A copy that is there already will do. */
async function isSame(source: string, copy: string): Promise<boolean> {
  const there = await readFile(copy).catch(() => null);
  return there?.equals(await readFile(source)) === true;
}

async function draftCard({ file, card, draft }: OwnModel, written: string[]): Promise<string | null> {
  if (card !== null) return null;
  const path = join(dirname(file), `${basename(file, extname(file))}.json`);
  await writeNew(path, `${draft}\n`, written);
  return path;
}

/** Below the folder as a path from there, so that the folder can be moved. */
function modelPath(folder: string, file: string): string {
  const below = relative(resolve(folder), resolve(file));
  return below.startsWith('..') || isAbsolute(below) ? resolve(file) : below;
}

async function writeNew(path: string, text: string, written: string[]): Promise<void> {
  await refuseExisting(path);
  await writeFile(path, text, { flag: 'wx' });
  written.push(path);
}

async function refuseExisting(path: string): Promise<void> {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (exists)
    throw new WhetError('output-failed', `'${path}' is there already, and init overwrites nothing`, {
      hint: 'Name another folder: whet init FOLDER',
    });
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
