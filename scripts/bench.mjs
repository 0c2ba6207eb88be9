// Measures Whetstone beside what it is compared with, in one run on one machine: `npm run bench -- [train|collect|adapt|flash] [--json] [--rounds N]
// [--peers DIR] [--peer-root FOLDER] [--data FOLDER]`. One file a benchmark in scripts/bench/; each gives rows, this file prints them.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';

const benchmarks = ['train', 'collect', 'adapt', 'flash'];

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    peers: { type: 'string' },
    'peer-root': { type: 'string' },
    data: { type: 'string' },
  },
});

const rounds = Number(options.rounds);
const unknown = positionals.find((name) => !benchmarks.includes(name));
if (unknown !== undefined || !Number.isInteger(rounds) || rounds < 1) {
  const problem = unknown === undefined ? `--rounds ${options.rounds} is not a positive integer` : `there is no benchmark '${unknown}'`;
  console.error(`bench: ${problem}; benchmarks: ${benchmarks.join(', ')}`);
  process.exit(64);
}

const wanted = positionals.length > 0 ? positionals : benchmarks;
const results = {};
for (const name of wanted) {
  const file = new URL(`./bench/${name}.mjs`, import.meta.url);
  if (!existsSync(file)) {
    if (positionals.length > 0) {
      console.error(`bench: the benchmark '${name}' is not part of this version`);
      process.exit(69);
    }
    continue;
  }
  const { run } = await import(file.href);
  const say = options.json ? () => {} : console.log;
  results[name] = await run({ rounds, peers: options.peers, peerRoot: options['peer-root'], data: options.data, say });
}
if (options.json) console.log(JSON.stringify(results, null, 2));
