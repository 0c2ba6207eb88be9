// What the device tells a person at a terminal: one listener of the event stream. Takes events and what is logged, gives lines: what it saw, asked,
// learned, released and took back, and what is wrong. What a stranger named (files, classes, programs) is printed without control characters.
import type { DeviceEvent, Events } from '../events.ts';
import { recordOf } from '../tasks/table.ts';
import type { CaptureKind, TrainingReport } from '../types.ts';

export interface TerminalPorts {
  write(text: string): void;
  /** Of the terminal, now; it may change. */
  columns(): number;
  readonly colours: boolean;
  /** For people: the wall clock. */
  now(): number;
}

export interface TerminalOutlet {
  listen(events: Events): void;
  /** One record of the log, as pino writes it. */
  logged(record: Readonly<Record<string, unknown>>): void;
}

type Colour = 'plain' | 'blue' | 'yellow' | 'green' | 'red' | 'dim';
const codes: Readonly<Record<Colour, string>> = { plain: '', blue: '34', yellow: '33', green: '32', red: '31', dim: '2' };

const sensed: Readonly<Record<CaptureKind, string>> = { image: 'saw', audio: 'heard', sensor: 'felt' };
/** The same again from the same source is counted, and said this seldom. */
const againMs = 60_000;
/** Room for the time and the verb. */
const indent = 20;

interface Last {
  readonly word: string;
  readonly atMs: number;
  again: number;
}

export function createTerminalOutlet(ports: TerminalPorts): TerminalOutlet {
  const lastSeen = new Map<string, Last>();
  let degraded: ReadonlySet<string> = new Set();
  let release: string | null = null;
  let training: string | null = null;
  /** A release is told after the run that made it. */
  let held: string | null = null;

  function say(verb: string, colour: Colour, text: string): void {
    const time = new Date(ports.now()).toTimeString().slice(0, 8);
    const paint = (words: string, how: Colour) => (ports.colours && how !== 'plain' ? `\x1b[${codes[how]}m${words}\x1b[0m` : words);
    const [first = '', ...rest] = wrapped(printable(text), Math.max(30, ports.columns()) - indent);
    const lines = [`${paint(time, 'dim')}  ${paint(verb.padEnd(9), colour)} ${first}`, ...rest.map((line) => ' '.repeat(indent) + line)];
    ports.write(`${lines.join('\n')}\n`);
  }

  function predicted({ capture, inferred, sample }: Extract<DeviceEvent, { kind: 'predicted' }>): void {
    const { answer } = inferred;
    const word = recordOf(answer).word(answer);
    const file = capture.origin?.replace(/:\d+:\d+$/, '') ?? null;
    const last = lastSeen.get(capture.source);
    if (file === null && last?.word === word && ports.now() - last.atMs < againMs) {
      last.again += 1;
      return;
    }
    const again = last !== undefined && last.again > 0 ? ` (and ${last.again} more like the one before)` : '';
    lastSeen.set(capture.source, { word, atMs: ports.now(), again: 0 });
    const what = capture.label === undefined ? '' : `, labelled '${capture.label}'`;
    const from = file === null ? capture.source : `${capture.source}: ${file}`;
    const id = sample === null ? '' : `  ${sample}`;
    say(sensed[capture.kind], 'blue', `${recordOf(answer).line(answer)}  ${from}${what}${id}${again}`);
  }

  function reported(report: TrainingReport): void {
    training = null;
    const { kind, reason } = report.verdict;
    if (report.release !== null) say('learned', 'green', reason);
    else say(kind === 'waiting' ? 'waits' : 'kept', 'yellow', kind === 'waiting' ? reason : `what it had: ${reason}`);
    if (held !== null) released(held);
    held = null;
  }

  function released(version: string): void {
    const before = release;
    release = version;
    if (before === version) return;
    // Versions begin with a number that only grows.
    const isBack = before !== null && before !== 'base' && (version === 'base' || version < before);
    const what = version === 'base' ? 'the base model' : version;
    if (isBack) say('went back', 'yellow', `${what} predicts again, in place of ${before}`);
    else say('released', 'green', `${what} predicts from now on; whet rollback takes it back`);
  }

  function health(now: readonly string[]): void {
    for (const trouble of now) if (!degraded.has(trouble)) say('degraded', 'red', trouble);
    for (const trouble of degraded) if (!now.includes(trouble)) say('recovered', 'green', trouble);
    degraded = new Set(now);
  }

  function tell(event: DeviceEvent): void {
    switch (event.kind) {
      case 'predicted':
        return predicted(event);
      case 'asked':
        return say(
          'asks',
          'yellow',
          `what is ${event.sample}? ${recordOf(event.answer).line(event.answer)}  Look: whet show ${event.sample}  Answer: whet label CLASS ${event.sample}`,
        );
      case 'progressed':
        if (training !== event.run) say('learns', 'plain', 'from what is labelled');
        training = event.run;
        return;
      case 'reported':
        return reported(event.report);
      case 'released':
        if (training === null) return released(event.version);
        held = event.version;
        return;
      case 'health':
        return health(event.degraded);
      case 'labelled':
        return;
    }
  }

  return {
    listen: (events) => events.on(tell),
    logged(record) {
      const { level, msg, time: _, ...rest } = record;
      if (msg === 'ready') {
        release = typeof rest.release === 'string' ? rest.release : null;
        const by = release === 'base' ? 'the base model' : `release ${release}`;
        return say('ready', 'green', `${rest.device}: ${rest.model}, ${by}. Ctrl-C ends it.`);
      }
      if (msg === 'stopping') return say('stops', 'plain', 'on request');
      if (typeof level !== 'number' || level < warnLevel) return;
      const details = Object.entries(rest).map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
      say(level < errorLevel ? 'warning' : 'error', 'red', [String(msg), ...details].join('; '));
    },
  };
}

const [warnLevel, errorLevel] = [40, 50];

/** Control characters would move the cursor, or more; line breaks become blanks. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
  return text.replaceAll(/\s*\n\s*/g, '; ').replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '�');
}

/** Lines of at most `width` characters, broken at blanks, and inside a word only where it is longer than that. */
function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/(?<= )(?=\S)/)) {
    if ((line + word).trimEnd().length > width && line !== '') {
      lines.push(line.trimEnd());
      line = '';
    }
    line += word;
    for (; line.trimEnd().length > width; line = line.slice(width)) lines.push(line.slice(0, width));
  }
  return line.trim() === '' && lines.length > 0 ? lines : [...lines, line.trimEnd()];
}
