// The story of a demo → one HTML page that needs nothing else: plots, every word to listen to, the run, what went over MQTT. Pure.

import { version } from '../installation.ts';
import { proportion } from '../learn/evaluate.ts';
import { accuracyPlot, confidencePlot, confusionPlot, escapeText } from './plots.ts';
import { type DemoResult, type Heard, heardIn, isRight, type Part, percent, type Scene, understoodShare } from './story.ts';

export function reportPage(result: DemoResult): string {
  const { scene, passed, outcome, seconds } = result;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Whetstone demo: ${escapeText(outcome)}</title>
<style>${style}</style>
<main>
<header><p class="mark ${passed ? 'good' : 'bad'}">${passed ? 'passed' : 'failed'}</p><h1>A device that learned an accent</h1>
<p>${escapeText(outcome)}. Everything ran on this machine, in ${seconds.toFixed(0)} seconds: the model (${Math.round(scene.model.bytes / 1024)} KB, int8),
the training, and the MQTT broker through which the device was told ${scene.labels} words.</p></header>
<section><h2>Before and after</h2>${accuracyPlot(bars(scene))}<p class="key"><i class="before"></i> before <i class="after"></i> after; whiskers: 95 % intervals (Wilson).
Words of the first two rows were never learned from (${heardIn(scene, 'judged', 'after').length} with the accent, ${heardIn(scene, 'known', 'after').length} by somebody it knew: few, so their whiskers are wide); the third is what the gate of the device measured on recordings that the base model knew.</p></section>
<section><h2>What was said, and what was understood</h2><div class="pair"><figure><figcaption>before</figcaption>${confusion(scene, 'before')}</figure>
<figure><figcaption>after</figcaption>${confusion(scene, 'after')}</figure></div></section>
<section><h2>How sure it was</h2><div class="wide">${confidence(scene)}</div><p class="key"><i class="right"></i> understood <b class="bad">×</b> misunderstood; each is a word, in the order they were said.</p></section>
<section><h2>Listen</h2>${listening(scene)}</section>
<section><h2>The run</h2>${run(result)}</section>
<section><h2>Over MQTT</h2>${topics(scene)}</section>
<footer><p>Now with your voice: record some digits, <code>{digit}_{you}_{index}.wav</code> each, and run <code>whet demo --data FOLDER</code>; or make a device of your own with <code>whet init</code>.</p>
<p>Whetstone ${escapeText(version)}, ${new Date(scene.report?.startedAtMs ?? 0).toISOString().slice(0, 10)}</p></footer>
</main>
<script>for (const button of document.querySelectorAll('button[data-sound]')) button.onclick = () => new Audio(button.dataset.sound).play();</script>
</html>
`;
}

function bars(scene: Scene) {
  const pair = (part: Part) => ({
    before: shareOf(scene, part, 'before'),
    after: shareOf(scene, part, 'after'),
  });
  const base = scene.report?.base ?? null;
  const exact = (value: number) => ({ value, samples: 0, low: value, high: value });
  return [
    { label: `the accent (${scene.speaker})`, ...pair('judged') },
    { label: 'somebody it knew', ...pair('known') },
    ...(base === null ? [] : [{ label: 'the base model’s own', before: exact(base.before), after: exact(base.after) }]),
  ];
}

function shareOf(scene: Scene, part: Part, when: Heard['when']) {
  const heard = heardIn(scene, part, when);
  return heard.length === 0 ? null : understoodShare(heard, proportion);
}

function confusion(scene: Scene, when: Heard['when']): string {
  const heard = heardIn(scene, 'judged', when);
  const classes = [...new Set(heard.map(({ word }) => word.digit))].sort();
  return confusionPlot(
    classes,
    heard.map(({ word, understood }) => ({ said: word.digit, understood })),
  );
}

function confidence(scene: Scene): string {
  const group = (title: string, part: Part, when: Heard['when']) => ({
    title,
    dots: heardIn(scene, part, when).map((heard) => ({
      confidence: heard.confidence,
      isRight: isRight(heard),
      title: `said ${heard.word.digit}, understood ${heard.understood ?? 'nothing'}, ${percent(heard.confidence)} sure`,
    })),
  });
  return confidencePlot([
    group('accent, before', 'judged', 'before'),
    group('told', 'told', 'before'),
    group('accent, after', 'judged', 'after'),
    group('known', 'known', 'after'),
  ]);
}

function listening(scene: Scene): string {
  const after = new Map(heardIn(scene, 'judged', 'after').map((heard) => [heard.word, heard]));
  // What was misunderstood comes first.
  const words = [...heardIn(scene, 'judged', 'before')].sort((a, b) => Number(isRight(a)) - Number(isRight(b)));
  const rows = words.map((before) => {
    const { digit, bytes } = before.word;
    const sound = `data:audio/wav;base64,${Buffer.from(bytes).toString('base64')}`;
    const then = after.get(before.word);
    return `<tr><td><button data-sound="${sound}" aria-label="play ${escapeText(digit)}">▶</button></td>
<td>${escapeText(digit)}</td>${understood(before)}${then === undefined ? '<td></td>' : understood(then)}</tr>`;
  });
  return `<table><thead><tr><th></th><th>said</th><th>understood before</th><th>understood after</th></tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
}

function understood(heard: Heard): string {
  const width = (100 * heard.confidence).toFixed(0);
  return `<td><b class="${isRight(heard) ? 'good' : 'bad'}">${isRight(heard) ? '' : '× '}${escapeText(heard.understood ?? 'nothing')}</b> <span class="meter"><i class="${isRight(heard) ? 'right' : 'wrong'}" style="width:${width}%"></i></span> ${width} %</td>`;
}

function run({ scene, manifest }: DemoResult): string {
  const { report } = scene;
  if (report === null) return '<p>No run came to an end.</p>';
  const facts: readonly (readonly [string, string])[] = [
    ['verdict', `${report.verdict.kind}: ${report.verdict.reason}`],
    ['learner', report.learner ?? '–'],
    ['learned from', `${report.samples.train} words, each as it might have been said and heard as well`],
    [
      'time',
      `${report.seconds.total.toFixed(2)} s, of which ${report.seconds.train.toFixed(2)} s learning, in a process of its own (${report.peakRssMb} MB at most)`,
    ],
    ['release', report.release ?? '–'],
    ...(manifest?.delta == null
      ? []
      : [['on the wire', `${manifest.delta.bytes} bytes rebuild the model from the base, to the byte`] as const]),
  ];
  return `<table class="facts">${facts.map(([name, value]) => `<tr><th>${name}</th><td>${escapeText(value)}</td></tr>`).join('')}</table>`;
}

function topics({ topics: counted }: Scene): string {
  const rows = counted.map(
    ({ topic, messages, bytes }) =>
      `<tr><td><code>whetstone/demo/${escapeText(topic)}</code></td><td>${messages}</td><td>${bytes}</td></tr>`,
  );
  return `<table><thead><tr><th>topic</th><th>messages</th><th>bytes</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

const style = `
:root { --paper: #fbfaf8; --ink: #22262b; --faint: #747b84; --line: #dedbd5; --before: #c2b6a3; --after: #2f7d6b; --right: #2f7d6b; --wrong: #c4553b; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --paper: #16191c; --ink: #e4e6e8; --faint: #8d959e; --line: #33383e; --before: #6d6458; --after: #4fb39a; --right: #4fb39a; --wrong: #e0745a; } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, "DejaVu Sans", sans-serif; }
main { max-width: 760px; margin: 0 auto; padding: 40px 20px 80px; }
h1 { font-size: 30px; line-height: 1.2; margin: 6px 0 10px; } h2 { font-size: 19px; margin: 44px 0 12px; }
svg { max-width: 100%; height: auto; font: 13px system-ui, "DejaVu Sans", sans-serif; }
.mark { display: inline-block; margin: 0; padding: 1px 10px; border-radius: 10px; color: var(--paper); font-size: 13px; } .mark.good { background: var(--right); } .mark.bad { background: var(--wrong); }
text { fill: var(--ink); } .tick { fill: var(--faint); font-size: 12px; } .value { font-weight: 600; } .count { font-size: 12px; } .count.dark { fill: var(--paper); font-weight: 600; } rect.none { fill: var(--line); opacity: .45; } .cross { stroke: var(--wrong); stroke-width: 1.6; fill: none; }
.grid { stroke: var(--line); } .whisker { stroke: var(--ink); stroke-width: 1.2; fill: none; opacity: .6; }
rect.before { fill: var(--before); } rect.after { fill: var(--after); } .right { fill: var(--right); } .wrong { fill: var(--wrong); }
.key, footer { color: var(--faint); font-size: 14px; } figcaption { font-weight: 600; margin-bottom: 4px; } footer { margin-top: 44px; border-top: 1px solid var(--line); } .key i { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin: 0 2px 0 6px; }
i.before { background: var(--before); } i.after { background: var(--after); } i.right { background: var(--right); } i.wrong { background: var(--wrong); }
.pair { display: flex; flex-wrap: wrap; gap: 28px; } figure { margin: 0; flex: 1 1 280px; } figure svg { width: 100%; } .wide { overflow-x: auto; } .wide svg { max-width: none; }
table { border-collapse: collapse; width: 100%; font-size: 15px; font-variant-numeric: tabular-nums; } th { text-align: left; font-weight: 600; } th, td { padding: 4px 14px 4px 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
.facts th { width: 120px; } b.good { color: var(--right); } b.bad { color: var(--wrong); }
.meter { display: inline-block; width: 90px; height: 8px; border-radius: 4px; background: var(--line); overflow: hidden; } .meter i { display: block; height: 100%; }
button { border: 1px solid var(--line); background: none; color: inherit; border-radius: 50%; width: 28px; height: 28px; padding: 0; cursor: pointer; font-size: 11px; }
`;
