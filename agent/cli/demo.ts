// `whet demo`: runs it, draws it live on a terminal, writes its page, and says what came of it as text or as one JSON document.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { AdaptReport } from '../adapt/report.ts';
import { accentDemo } from '../demo/accent.ts';
import { foreignSpeaker, knownSpeaker, readRecordings, shippedRecordings } from '../demo/recordings.ts';
import { reportPage } from '../demo/report-page.ts';
import { type DemoResult, heardIn, isRight, type Scene, understoodShare } from '../demo/story.ts';
import { coloured, createPainter, drawTerminal, uncoloured } from '../demo/terminal-view.ts';
import { proportion } from '../learn/evaluate.ts';
import { formatAdapt } from './adapt.ts';
import type { Output } from './output.ts';

export interface DemoFlags {
  readonly dir?: string;
  readonly data?: string;
  readonly speaker?: string;
  readonly words: number;
  readonly once?: boolean;
}

/** Enough for a person to follow. */
const pauseMs = 120;

export function demoDirectory(given: string | undefined): string {
  return given === undefined ? mkdtempSync(join(tmpdir(), 'whet-demo-')) : resolve(given);
}

/** Gives whether it passed. On a terminal the device goes on until the signal, unless `once`. */
export async function runAccentDemo(flags: DemoFlags, output: Output, signal: AbortSignal): Promise<boolean> {
  const directory = demoDirectory(flags.dir);
  const isLive = !output.json && process.stdout.isTTY === true;
  const own = flags.data === undefined;
  const recordings = await readRecordings(
    flags.data ?? shippedRecordings,
    flags.speaker ?? (own ? foreignSpeaker : undefined),
    flags.words,
  );
  const { judged: known } = await readRecordings(shippedRecordings, knownSpeaker, 1);
  const painter = createPainter(process.stdout);
  let shown: Scene['act'] | null = null;
  const show = (scene: Scene) => {
    if (isLive) return painter.paint(drawTerminal(scene, coloured));
    if (scene.act !== shown) output.progress(0, null, actNames[scene.act]);
    shown = scene.act;
  };
  await using demo = await accentDemo({ recordings, known, directory, pauseMs: isLive ? pauseMs : 0, signal, show });
  const { result } = demo;
  const page = join(directory, 'report.html');
  writeFileSync(page, reportPage(result));
  const files = { report: page, log: join(directory, 'device.log') };
  output.result(documentOf(result, files), () => {
    const drawn = isLive ? [] : [...drawTerminal(result.scene, uncoloured), ''];
    return [...drawn, `${result.passed ? 'passed' : 'failed'}: ${result.outcome}`, `report  ${page}`].join('\n');
  });
  if (isLive && flags.once !== true) await stayUntil(signal, result.scene.broker);
  return result.passed;
}

const actNames: Readonly<Record<Scene['act'], string>> = {
  start: 'the device starts',
  listen: 'it listens',
  tell: 'it is told some words',
  adapt: 'it adapts',
  again: 'it listens again',
  done: 'done',
};

async function stayUntil(signal: AbortSignal, broker: string): Promise<void> {
  const port = new URL(broker).port;
  process.stdout.write(`\nThe device goes on. Listen to it:  mosquitto_sub -p ${port} -t 'whetstone/#' -v      Ctrl-C ends it.\n`);
  const before = process.exitCode;
  if (!signal.aborted) await new Promise((end) => signal.addEventListener('abort', end, { once: true }));
  // Ending what has already succeeded is no interruption.
  process.exitCode = before;
}

function documentOf(result: DemoResult, files: Readonly<Record<string, string>>): object {
  const { passed, outcome, scene, manifest, seconds } = result;
  const share = (part: 'judged' | 'known', when: 'before' | 'after') => understoodShare(heardIn(scene, part, when), proportion);
  return {
    ...{ passed, outcome, seconds, files },
    speaker: scene.speaker,
    accent: { before: share('judged', 'before'), after: share('judged', 'after') },
    known: { before: share('known', 'before'), after: share('known', 'after') },
    base: scene.report?.base ?? null,
    told: { words: scene.words.told, labelled: scene.labels, understood: heardIn(scene, 'told', 'before').filter(isRight).length },
    report: scene.report,
    release: manifest === null ? null : { version: manifest.version, artifact: manifest.artifact, delta: manifest.delta },
    mqtt: scene.topics,
    words: scene.heard.map(({ part, when, word, understood, confidence, release, latencyMs }) => {
      return { part, when, said: word.digit, understood, confidence, release, latencyMs };
    }),
  };
}

export function formatObjectsDemo(report: AdaptReport, directory: string): string {
  return [
    `The shipped model knows ten kinds of animals and vehicles. It was shown drawings of ${report.classes.length} things it never saw,`,
    'and its last layer was trained again, here, on this machine:',
    '',
    formatAdapt(report),
    '',
    `Everything is in ${directory}: the photographs, mine.onnx (int8, as the original) and its card mine.json.`,
    'Next, with your own photographs (one folder a class):  whet adapt MODEL --data DIR --classes replace --out mine.onnx',
  ].join('\n');
}
