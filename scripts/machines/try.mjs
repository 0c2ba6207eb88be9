// A machine that can run commands → one row a command: how long, how much it left on the disk, how it ended.
import { existsSync, mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const minuteMs = 60_000;
/** The first command, as a person types it but for leaving when the show is over. */
const firstCommand = 'scripts/whet demo --once';
function megabytesOf(folder) {
  if (!existsSync(folder)) return 0;
  const bytes = readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  return Math.round(bytes / 1e6);
}

/** Colours and cursor movements of terminals. */
const ansi = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'g');

const lastWords = (text) => text.replaceAll(ansi, '').trim().split('\n').slice(-3).join(' / ').slice(-300);

function outcomeOf(result, expected) {
  if (result.status === null) return `failed: did not end in ${Math.round(result.limitMs / minuteMs)} minutes`;
  if (result.status !== 0) return `failed: exit status ${result.status}: ${lastWords(result.output)}`;
  if (!expected.test(result.output)) return `failed: exit status 0, but no ${expected} in what it said: ${lastWords(result.output)}`;
  return null;
}

/** Middle of five, in ms, of `command` run where no network is: printed, never a verdict, for it measures this machine's other work too. */
function startMs(machine, command) {
  const times = Array.from({ length: 5 }, () => machine.run(command, { limitMs: minuteMs, offline: true }));
  const broken = times.find(({ status }) => status !== 0);
  return broken === undefined ? times.map(({ ms }) => ms).sort((a, b) => a - b)[2] : lastWords(broken.output);
}

function keepLog(output) {
  const log = join(mkdtempSync(join(tmpdir(), 'whet-fresh-log-')), 'output.txt');
  writeFileSync(log, output);
  return log;
}

function tryFirst(machine) {
  const result = machine.run(firstCommand, { limitMs: 10 * minuteMs });
  const megabytes = megabytesOf(join(machine.clone, 'node_modules')) + megabytesOf(join(machine.clone, 'dist'));
  const row = { command: firstCommand, seconds: result.ms / 1000, megabytes };
  const failure = outcomeOf(result, /^passed: /m);
  if (failure !== null) return { ...row, outcome: failure };
  const changed = machine.run('git status --porcelain', { limitMs: minuteMs }).output.trim();
  if (changed !== '') return { ...row, outcome: `failed: it changed what is tracked: ${lastWords(changed)}` };
  if (megabytes > 250) return { ...row, outcome: 'failed: more than 250 MB' };
  const [again, bare] = ['scripts/whet --version', `${machine.node} -e 0`].map((command) => startMs(machine, command));
  if (typeof again === 'string') return { ...row, outcome: `failed: a second start needs a network: ${again}` };
  return { ...row, outcome: `passed; started again, offline, ${Math.round(again - bare)} ms after Node.js` };
}

function trySecond(machine) {
  const command = `scripts/test${machine.tests === '' ? '' : ` ${machine.tests}`}`;
  const result = machine.run(command, { limitMs: 40 * minuteMs, second: true });
  const counted = /(\d+) passed, (\d+) failed, (\d+) skipped\s*$/.exec(result.output);
  const failure = outcomeOf(result, /^\d+ passed, 0 failed, \d+ skipped\s*$/m);
  return {
    command,
    seconds: result.ms / 1000,
    megabytes: megabytesOf(join(machine.clone, 'node_modules')),
    outcome: failure === null ? counted[0].trim() : `${failure} (whole output: ${keepLog(result.output)})`,
  };
}

/** `open` gives { npm, node version, clone, node, tests, run, close }, or { skipped: why }. */
export async function tryMachine(name, open, { quick, keep, say }) {
  const empty = { machine: name, npm: null, node: null, command: null, seconds: null, megabytes: null };
  let machine;
  try {
    machine = await open();
  } catch (error) {
    return [{ ...empty, outcome: `failed: ${error.message}` }];
  }
  if (machine.skipped !== undefined) return [{ ...empty, outcome: `not tried: ${machine.skipped}` }];
  const { npm, nodeVersion } = machine;
  const rows = [];
  try {
    for (const attempt of quick ? [tryFirst] : [tryFirst, trySecond]) {
      const row = { machine: name, npm, node: nodeVersion, ...attempt(machine) };
      say(`${name}: ${row.command}: ${row.outcome}`);
      rows.push(row);
      if (row.outcome.startsWith('failed')) break;
    }
  } finally {
    if (!keep) machine.close();
  }
  return rows;
}
