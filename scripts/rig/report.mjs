// What came of it: for people a table in Markdown, for programs one document.
import { promises } from './tally.mjs';

const phases = {
  start: 'start',
  collect: 'collect',
  train: 'train',
  activate: 'activate',
  deploy: 'deploy',
  reembed: 'embed again',
  rest: 'rest',
};

export function summary({ tally, settings, rigs, observer, broker, seconds }) {
  const sum = (count) => rigs.reduce((total, rig) => total + count(rig), 0);
  const { of } = tally;
  return {
    ...settings,
    seconds: Math.round(seconds),
    broker: broker.kind,
    disk: rigs.every(({ device }) => device.hasDisk) ? 'a disk of its own (tmpfs), filled' : 'not filled: only root may mount a small disk',
    kills: of('kills'),
    killsByMoment: Object.fromEntries(Object.keys(phases).map((phase) => [phase, of(`kills: ${phase}`)])),
    counts: tally.counts(),
    samples: sum(({ ledger }) => ledger.files.size),
    labels: sum(({ ledger }) => ledger.labels()),
    questions: sum(({ found }) => found.asked.size),
    runs: Object.fromEntries(
      ['finished', 'interrupted', 'failed'].map((state) => [
        state,
        sum(({ found }) => [...found.runs.values()].filter((one) => one === state).length),
      ]),
    ),
    answeredAgain: [...observer.commands.values()].filter(({ answers }) => answers.length > 1).length,
    readyMs: { median: Math.round(tally.median('ready', 0)), slowest: Math.round(tally.slowest('ready')) },
    stopMs: { median: Math.round(tally.median('stop', 0)), slowest: Math.round(tally.slowest('stop')) },
    megabytes: Math.round(tally.highest('megabytes')),
    descriptors: tally.highest('descriptors'),
    errorsSaid: said(rigs),
    problems: tally.problems,
  };
}

/** What the logs hold as errors, most frequent first. */
function said(rigs) {
  const times = new Map();
  for (const { msg } of rigs.flatMap(({ found }) => found.errors)) times.set(msg, (times.get(msg) ?? 0) + 1);
  return Object.fromEntries([...times].sort(([, a], [, b]) => b - a).slice(0, 30));
}

export function table(s) {
  const { counts: c } = s;
  const n = (what) => String(c[what] ?? 0);
  const broken = (promise) => {
    const found = s.problems.filter((problem) => problem.promise === promise).length;
    return found === 0 ? 'held' : `BROKEN ${found} times`;
  };
  const of = Object.entries(phases).map(([phase, name]) => `${name} ${s.killsByMoment[phase]}`);
  const done = [
    ['kill -9 of the daemon', String(s.kills), of.join(', ')],
    ['… its children with it; the trainer alone', `${n('kills with children')}; ${n('trainers killed')}`, ''],
    ['stopped and gone on (SIGSTOP)', n('stopped'), ''],
    ['broker ended; killed', `${n('broker SIGTERM')}; ${n('broker SIGKILL')}`, s.broker],
    ['disk full', n('disks filled'), s.disk],
    ['clock set (an hour to years; 1970)', n('clock jumps'), ''],
    ['camera stuck or ended', n('cameras stuck or ended'), ''],
    ['base model changed', n('base models changed'), ''],
    ['files dropped; labels acknowledged; forgotten', `${n('files')}; ${n('labels')}; ${n('forgotten')}`, ''],
    ['runs finished; cut off; failed', `${s.runs.finished}; ${s.runs.interrupted}; ${s.runs.failed}`, ''],
  ];
  const held = [
    [promises.ready, `${n('starts')} starts`, `${broken('ready')}; median ${s.readyMs.median} ms, slowest ${s.readyMs.slowest} ms`],
    [promises.stops, n('stops'), `${broken('stops')}; slowest ${s.stopMs.slowest} ms`],
    [promises.stays, n('starts'), broken('stays')],
    [promises.release, `${n('verifications')} looks`, broken('release')],
    [promises.releases, `${n('looks')} looks`, broken('releases')],
    [promises.labels, n('labels'), broken('labels')],
    [promises.samples, `${n('files')} files`, broken('samples')],
    [promises.forgotten, n('forgotten'), broken('forgotten')],
    [promises.answers, `${n('commands')} commands`, `${broken('answers')}; ${s.answeredAgain} answered again`],
    [promises.questions, String(s.questions), broken('questions')],
    [promises.reports, `${s.runs.finished} runs`, broken('reports')],
    [promises.candidates, `${n('looks')} looks`, broken('candidates')],
    [promises.processes, `${s.kills} kills`, broken('processes')],
    [promises.memory, `${s.megabytes} MB at most`, broken('memory')],
    [promises.descriptors, `${s.descriptors} at most`, broken('descriptors')],
    [promises.retained, '', broken('retained')],
  ];
  return `${markdown(['what was done', 'how many', 'of it'], done)}\n\n${markdown(['what must hold', 'how many', 'result'], held)}\n`;
}

function markdown(header, rows) {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
