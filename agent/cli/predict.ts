// `whet predict`: the verb, and a report → text.
import type { Command } from 'commander';
import { WhetError } from '../errors.ts';
import type { FileAnswer, PredictReport } from '../predict/report.ts';
import { integer } from './options.ts';
import { createOutput } from './output.ts';
import { table } from './text.ts';

interface Flags {
  readonly config?: string;
  readonly card?: string;
  readonly output?: string;
  readonly top: number;
  readonly threads: number;
  readonly json?: boolean;
}

export function addPredict(program: Command, signal: AbortSignal): void {
  program
    .command('predict')
    .summary('what a model says of files: photographs, recordings, readings')
    .description(
      'Shows files to a model and prints what it says of each, most likely first. Nothing is stored and nothing is learned; with --config the model is the one by which that device predicts now, whether its daemon runs or not.',
    )
    .usage('[options] MODEL FILE...\n       whet predict [options] --config whetstone.yaml FILE...')
    .argument('<model-and-files...>', 'an ONNX file with its card beside it, and files or folders to show to it')
    .option('--config <file>', 'ask what a device predicts by: its current release, else its base model; then all arguments are files')
    .option('--card <file>', 'model card, where it is not beside the model')
    .option('--output <name>', 'the output that holds the scores, where the model has several')
    .option('--top <n>', 'answers a file in the table', integer(1, 10), 3)
    .option('--threads <n>', 'threads inside one operator', integer(1, 256), 1)
    .option('--json', 'one JSON document on standard output')
    .addHelpText(
      'after',
      `
A confidence is how sure the model says it is, not how often it is right. Models of quantities give those; anomaly detectors give the distance
from what is normal, and call a file anomalous above the threshold of their card.

Exit status: 0 when a file was answered, 65 when none could be read.

Examples:
  whet predict models/objects/model.onnx photo.jpg holiday/
  whet predict --config whetstone.yaml photo.jpg      # by what the device has learned`,
    )
    .action(async (given: readonly string[], { config, card, output: name, top, threads, json }: Flags) => {
      const output = createOutput(json === true);
      const { predict } = await import('../predict.ts');
      const common = { threads, signal, progress: output.progress, note: output.note };
      const [model = '', ...files] = given;
      if (config !== undefined && (card ?? name) !== undefined)
        throw new WhetError('usage', '--card and --output belong to a model file, not to --config', {
          hint: 'Its configuration says both.',
        });
      if (config === undefined && files.length === 0)
        throw new WhetError('usage', `predict needs a model and files, and got only '${model}'`, {
          hint: 'whet predict MODEL FILE...            a model file\nwhet predict --config FILE FILE...   what a device predicts by',
        });
      const by =
        config === undefined
          ? { model, card, output: name }
          : await import('./device-model.ts').then((its) => its.deviceModel(config, output.note));
      const report = await predict(by, { ...common, files: config === undefined ? files : given });
      output.result(report, () => formatPredict(report, top));
      if (report.files.every((file) => 'error' in file)) process.exitCode = 65;
    });
}

function formatPredict(report: PredictReport, top: number): string {
  const { files, name, release } = report;
  const by = `${name}${release === null ? '' : `, ${release === 'base' ? 'the base model' : `release ${release}`}`}`;
  const failed = files.flatMap((each) => ('error' in each ? [`${each.file}: ${each.error}`] : []));
  const rows = files.flatMap((each) => ('error' in each ? [] : [[each.file, ...cells(each, top)]]));
  return [
    by,
    ...(rows.length === 0 ? [] : ['', table([heading(report, top), ...rows])]),
    ...(failed.length === 0 ? [] : ['', ...failed]),
  ].join('\n');
}

type Answered = Exclude<FileAnswer, { readonly error: string }>;

function heading({ task, files }: PredictReport, top: number): readonly string[] {
  if (task === 'classification') return ['file', 'is', 'sure', ...(top > 1 ? ['or'] : [])];
  if (task === 'anomaly') return ['file', 'is', 'distance', 'threshold'];
  const first = files.find((each): each is Extract<FileAnswer, { readonly quantities: unknown }> => 'quantities' in each);
  return ['file', ...(first?.quantities ?? []).map(({ name, unit }) => (unit === '' ? name : `${name} [${unit}]`))];
}

function cells(answer: Answered, top: number): readonly string[] {
  if ('quantities' in answer) return answer.quantities.map(({ value }) => value.toPrecision(5));
  if ('distance' in answer) {
    const is = answer.anomalous === null ? '–' : answer.anomalous ? 'ANOMALOUS' : 'normal';
    return [is, answer.distance.toPrecision(4), answer.threshold?.toPrecision(4) ?? 'none in the card'];
  }
  const [best, ...others] = answer.answers.slice(0, top);
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  const or = others.map(({ label, confidence }) => `'${label}' ${percent(confidence)}`).join(', ');
  return [best?.label ?? '', percent(best?.confidence ?? 0), ...(top > 1 ? [or] : [])];
}
