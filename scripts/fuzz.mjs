// Feeds every door of the program what strangers may send, by a seed, in processes of their own, and counts what went wrong: processes that died,
// inputs that took longer than five seconds, processes over 300 MB, and errors that are none of the registry. The doors are in fuzzing/.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { weights } from './fuzzing/doors.mjs';
import { fuzzDoor, makeInput, mostMegabytes, mostSeconds } from './fuzzing/run.mjs';

const usage = `Usage: scripts/fuzz [--inputs 2000] [--seed 1] [--door NAME]… [--only N] [--keep FOLDER] [--json]
  --inputs N     how many in all; each door has its share (with --door: those doors alone)
  --seed S       decides every input
  --door NAME    one of ${Object.keys(weights).join(', ')}
  --only N       the input of that number of one door, again
  --keep FOLDER  where inputs that did harm are kept; in the temporary folder unless told
  --json         one document on standard output
Exits 0 where nothing went wrong, 1 where something did.`;

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    door: { type: 'string', multiple: true },
    only: { type: 'string' },
    keep: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function main() {
  const names = values.door ?? Object.keys(weights);
  const numbers = [values.inputs, values.seed, values.only ?? '0'].map(Number);
  const unknown = names.find((name) => !Object.hasOwn(weights, name));
  if (values.help || unknown !== undefined || !numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) {
    process.stderr.write(`${unknown === undefined ? '' : `no door '${unknown}'\n`}${usage}\n`);
    return values.help ? 0 : 64;
  }
  const [inputs, seed, only] = numbers;
  const folder = mkdtempSync(join(tmpdir(), 'whet-fuzz-'));
  const kept = values.keep ?? join(tmpdir(), 'whet-fuzz-kept');
  const all = names.reduce((sum, name) => sum + weights[name], 0);
  const results = [];
  try {
    for (const name of names) {
      const range =
        values.only === undefined ? { from: 0, to: Math.max(1, Math.round((inputs * weights[name]) / all)) } : { from: only, to: only + 1 };
      const result = await fuzzDoor({ name, seed, folder, ...range });
      for (const problem of result.problems) problem.kept = await keep(kept, { name, seed, index: problem.index, folder });
      results.push(result);
      if (!values.json) process.stdout.write(`${row(result)}\n`);
      for (const problem of result.problems) process.stderr.write(`  ${JSON.stringify(problem)}\n`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const sum = (of) => results.reduce((total, result) => total + of(result), 0);
  const summary = {
    seed,
    inputs: sum((result) => result.inputs),
    ...Object.fromEntries(['crashes', 'hangs', 'large', 'uncaught'].map((kind) => [kind, sum((result) => count(result, kind))])),
    refused: sum((result) => result.refused),
    seconds: Math.round(sum((result) => result.seconds)),
    megabytes: Math.max(...results.map((result) => result.megabytes)),
    doors: results,
  };
  if (values.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else {
    const { inputs, crashes, hangs, large, uncaught, seconds, megabytes } = summary;
    process.stdout.write(
      `${inputs} inputs in ${seconds} s: ${crashes} crashes, ${hangs} hangs over ${mostSeconds} s, ${large} processes over ${mostMegabytes} MB (most ${megabytes} MB), ${uncaught} uncaught\n`,
    );
  }
  return results.some(({ problems }) => problems.length > 0) ? 1 : 0;
}

function count({ problems }, kind) {
  return problems.filter((problem) => problem.kind === kind).length;
}

function row(result) {
  const { name, inputs, refused, seconds, megabytes } = result;
  const found = ['crashes', 'hangs', 'large', 'uncaught'].map((kind) => `${count(result, kind)} ${kind}`).join(', ');
  return `${name.padEnd(16)} ${String(inputs).padStart(6)} inputs, ${String(refused).padStart(6)} refused, ${found}; ${seconds.toFixed(0)} s, ${megabytes} MB`;
}

async function keep(folder, { name, seed, index, ...rest }) {
  const input = await makeInput({ name, seed, index, ...rest });
  const isBytes = input instanceof Uint8Array;
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}-${seed}-${index}.${isBytes ? 'bin' : 'json'}`);
  writeFileSync(path, isBytes ? input : JSON.stringify(input));
  return path;
}

process.exitCode = await main();
