// What `whet init` is told: by options, by what the machine has, by answers at a terminal. Gives what will be written, without writing it.
import { createInterface } from 'node:readline/promises';
import { audioCard, captureKind, exampleCard, findCard, loadCard, type ModelCard } from '../../config/card.ts';
import { WhetError } from '../../errors.ts';
import type { FoundDevice, FoundDevices } from '../../host/find-devices.ts';
import type { CaptureKind } from '../../types.ts';
import type { InitPlan } from './plan.ts';
import { askerOf, choose, deviceChoices } from './questions.ts';

export const shipped: Readonly<Record<CaptureKind, { readonly name: string; readonly knows: string }>> = {
  image: { name: 'objects', knows: 'ten kinds of things and animals, in small photographs' },
  audio: { name: 'spoken-digits', knows: 'the spoken digits 0 to 9' },
  sensor: { name: 'motion', knows: 'seven kinds of movement, from a six-axis sensor' },
};
/** Digits stay digits in every voice; what a camera or a motor is to tell apart is everybody's own. */
const usualClasses: Readonly<Record<CaptureKind, InitPlan['classes']>> = { image: 'replace', audio: 'keep', sensor: 'replace' };

export interface Flags {
  readonly yes?: boolean;
  readonly kind?: CaptureKind;
  readonly model?: string;
  readonly classes?: InitPlan['classes'];
  readonly broker?: string;
  readonly json?: boolean;
}

export interface OwnModel {
  readonly file: string;
  readonly card: ModelCard | null;
  readonly draft: string;
}

export async function lookAtModel(file: string, kind: CaptureKind | undefined): Promise<OwnModel> {
  const { modelShape } = await import('../../model/model-shape.ts');
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

export function defaults(flags: Flags, found: FoundDevices, own: OwnModel | null): Answers {
  const kind = kindOf(flags, found, own);
  return { kind, classes: flags.classes ?? usualClasses[kind], device: devicesOf(kind, found)[0] ?? null, broker: flags.broker ?? null };
}

export async function ask(flags: Flags, found: FoundDevices, own: OwnModel | null): Promise<Answers> {
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
