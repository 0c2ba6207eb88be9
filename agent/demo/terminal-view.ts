// A scene of the demo → lines for a terminal: what is heard and understood, how sure, what waits, the run, accuracy before and after. Pure;
// `paint` draws them over the ones before, or prints them once where standard error is no terminal.
import { proportion } from '../learn/evaluate.ts';
import { type Heard, heardIn, isRight, type Part, percent, type Scene, understoodShare } from './story.ts';

export interface Colours {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly strong: (text: string) => string;
}

const inColour = (code: number) => (text: string) => `\u001b[${code}m${text}\u001b[0m`;
export const coloured: Colours = { good: inColour(32), bad: inColour(31), faint: inColour(2), strong: inColour(1) };
const plainly = (text: string) => text;
export const uncoloured: Colours = { good: plainly, bad: plainly, faint: plainly, strong: plainly };

const names = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const barWidth = 24;

export function drawTerminal(scene: Scene, colours: Colours): readonly string[] {
  const { act, heard, report, training } = scene;
  const { faint, strong } = colours;
  const at = (...acts: readonly Scene['act'][]) => acts.includes(act);
  const messages = scene.topics.reduce((sum, topic) => sum + topic.messages, 0);
  const bytes = scene.topics.reduce((sum, topic) => sum + topic.bytes, 0);
  const step = (number: number, title: string, now: boolean, rest: string) =>
    `${now ? strong('▸') : ' '} ${strong(`${number} ${title.padEnd(34)}`)} ${rest}`;
  return [
    `${strong('Whetstone')} ${faint(`· device demo · ${scene.model.name}, int8, ${Math.round(scene.model.bytes / 1024)} KB · ${scene.broker}`)}`,
    '',
    step(
      1,
      'it listens to somebody it knows',
      at('listen') && heardIn(scene, 'judged', 'before').length === 0,
      marks(scene, 'known', 'before', colours),
    ),
    step(
      2,
      `and to an accent (${scene.speaker})`,
      at('listen') && heardIn(scene, 'judged', 'before').length > 0,
      marks(scene, 'judged', 'before', colours),
    ),
    step(
      3,
      'it is told some words',
      at('tell'),
      scene.labels === 0 ? '' : `${bar(scene.labels / scene.words.told)} ${scene.labels} of ${scene.words.told}`,
    ),
    step(4, 'it adapts, by itself', at('adapt'), adapting(scene, training)),
    step(5, `the accent again`, at('again'), marks(scene, 'judged', 'after', colours)),
    step(6, 'and somebody it knows', at('again'), marks(scene, 'known', 'after', colours)),
    '',
    `  heard       ${lastWord(heard.at(-1), colours)}`,
    `  queue       ${scene.questions} asked, ${scene.labels} answered`,
    `  verdict     ${report === null ? faint('–') : (report.verdict.kind === 'accepted' ? colours.good : colours.bad)(report.verdict.kind)}${report === null ? '' : faint(` ${report.verdict.reason}`)}`,
    `  accuracy    ${accuracy(scene, 'before', colours)}`,
    `              ${accuracy(scene, 'after', colours)}`,
    `  base model  ${report?.base == null ? faint('–') : `${percent(report.base.before)} before, ${percent(report.base.after)} after, on recordings that it knew`}`,
    `  MQTT        ${messages} messages, ${Math.round(bytes / 1024)} KB, ${scene.topics.length} topics under whetstone/demo/`,
  ];
}

function marks(scene: Scene, part: Part, when: Heard['when'], { good, bad }: Colours): string {
  const heard = heardIn(scene, part, when);
  if (heard.length === 0) return '';
  const right = heard.filter(isRight).length;
  return `${heard.map((one) => (isRight(one) ? good('●') : bad('×'))).join('')} ${right} of ${scene.words[part]}`;
}

function adapting({ act, report }: Scene, training: Scene['training']): string {
  if (report !== null) return `${report.seconds.total.toFixed(1)} s, release ${report.release ?? '–'}`;
  if (training !== null) return `${training.what}${training.total === null ? ' …' : ` ${training.done} of ${training.total}`}`;
  return act === 'adapt' ? 'waits a moment for more labels' : '';
}

function lastWord(heard: Heard | undefined, { good, bad, faint }: Colours): string {
  if (heard === undefined) return faint('–');
  const said = `"${names[Number(heard.word.digit)] ?? heard.word.digit}"`.padEnd(8);
  if (heard.understood === null) return `${said} ${bad('nothing understood')}`;
  const understood = names[Number(heard.understood)] ?? heard.understood;
  const paint = isRight(heard) ? good : bad;
  return `${said} understood ${paint(`"${understood}"`.padEnd(8))} ${bar(heard.confidence)} ${percent(heard.confidence)} sure ${faint(`${(heard.latencyMs ?? 0).toFixed(1)} ms`)}`;
}

function accuracy(scene: Scene, when: Heard['when'], { good, bad, faint }: Colours): string {
  const heard = heardIn(scene, 'judged', when);
  if (heard.length === 0) return faint(`${when.padEnd(7)} –`);
  const { value, low, high } = understoodShare(heard, proportion);
  const paint = when === 'after' ? good : bad;
  return `${when.padEnd(7)} ${paint(bar(value))} ${percent(value)} ${faint(`(95 %: ${percent(low)} to ${percent(high)})`)}`;
}

function bar(share: number): string {
  const full = Math.round(Math.max(0, Math.min(1, share)) * barWidth);
  return '█'.repeat(full) + '░'.repeat(barWidth - full);
}

export interface Painter {
  paint(lines: readonly string[]): void;
}

/** Draws over what it drew before; lines longer than the terminal are cut, since they would break the count. */
export function createPainter(terminal: NodeJS.WriteStream): Painter {
  let drawn = 0;
  return {
    paint(lines) {
      const width = terminal.columns ?? 80;
      const up = drawn === 0 ? '' : `\u001b[${drawn}A`;
      terminal.write(`${up}${lines.map((line) => `\u001b[2K${cutTo(line, width)}\n`).join('')}`);
      drawn = lines.length;
    },
  };
}

/** Colour codes take no room. */
function cutTo(line: string, width: number): string {
  let room = width;
  let cut = '';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character begins a colour code
  for (const part of line.split(/(\u001b\[\d+m)/)) {
    if (part.startsWith('\u001b')) cut += part;
    else {
      cut += [...part].slice(0, room).join('');
      room -= Math.min(room, [...part].length);
    }
  }
  return cut;
}
