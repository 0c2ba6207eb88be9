// Real devices on a real broker, killed, stopped, starved and misled for minutes or hours, by a seed, while what they promise is held against
// them. Prints what was done and what came of it; exits 1 where a promise was broken. The parts are in rig/.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startBroker } from './rig/broker.mjs';
import { createDevice } from './rig/device.mjs';
import { createDice } from './rig/dice.mjs';
import { flap } from './rig/hindrances.mjs';
import { createLedger } from './rig/ledger.mjs';
import { lastLife, live } from './rig/life.mjs';
import { createObserver } from './rig/observer.mjs';
import { summary, table } from './rig/report.mjs';
import { createTally } from './rig/tally.mjs';
import { createWishes } from './rig/wishes.mjs';

const usage = `Usage: scripts/torture [--minutes 30] [--kills N] [--devices 3] [--seed 1] [--keep] [--json]
  --minutes M    how long; a minute or two more go into the end, in which everything must come right
  --kills N      ends after so many kills, if they come before the time
  --devices N    devices side by side on one broker; they deploy each other's releases
  --seed S       decides what is done; when exactly it happens is the machine's
  --keep         keeps the folder of the devices, to look around
  --json         one document on standard output, progress on standard error
Exits 0 where every promise held, 1 where one was broken. Needs no root, but only root can fill a disk; without mosquitto a small broker takes its place.`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    kills: { type: 'string', default: 'Infinity' },
    devices: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const say = (text) => process.stderr.write(`torture: ${text}\n`);
const lastLimitMs = 240_000;

async function main() {
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const settings = { minutes: Number(values.minutes), devices: Number(values.devices), seed: Number(values.seed) };
  const kills = Number(values.kills);
  if (!(settings.minutes > 0 && settings.devices >= 1 && Number.isInteger(settings.seed) && kills > 0)) {
    process.stderr.write(`${usage}\n`);
    return 64;
  }
  const folder = mkdtempSync(join(tmpdir(), 'whet-torture-'));
  await using parts = new AsyncDisposableStack();
  parts.defer(() => (values.keep ? say(`kept: ${folder}`) : rmSync(folder, { recursive: true, force: true })));
  const tally = createTally(say);
  const broker = await startBroker(join(folder, 'broker'));
  parts.defer(() => broker.stop('SIGKILL'));
  const observer = await createObserver(broker);
  parts.defer(() => observer.close());
  const rigs = [];
  for (let index = 0; index < settings.devices; index += 1) {
    const device = await createDevice(join(folder, `device-${index}`), `device-${index}`, broker.url);
    parts.defer(() => device.close());
    rigs.push(
      rigOf(device, createDice(settings.seed * 1000 + index), { tally, observer, names: () => rigs.map((rig) => rig.device.name) }),
    );
  }

  const beganMs = performance.now();
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => stopping.abort());
  const isOver = () => stopping.signal.aborted || tally.of('kills') >= kills || performance.now() - beganMs > settings.minutes * 60_000;
  const telling = setInterval(() => say(progress(tally, beganMs)), 30_000);
  const flapping = flap(broker, observer, createDice(settings.seed * 1000 + 999), tally, stopping.signal);
  await Promise.all(
    rigs.map(async (rig) => {
      await rig.wishes.drop(36, true);
      while (!isOver()) await live(rig);
    }),
  );
  stopping.abort();
  await flapping;
  clearInterval(telling);
  say(`${progress(tally, beganMs)}; now everything must come right`);
  observer.askAgain();
  await Promise.all(rigs.map((rig) => lastLife(rig, lastLimitMs)));
  for (const key of observer.contradictions()) tally.problem('answers', key, 'was answered with other bytes the second time');

  const result = summary({ tally, settings, rigs, observer, broker, seconds: (performance.now() - beganMs) / 1000 });
  process.stdout.write(values.json ? `${JSON.stringify(result, null, 2)}\n` : table(result));
  return tally.problems.length === 0 ? 0 : 1;
}

function rigOf(device, dice, { tally, observer, names }) {
  const rig = {
    ...{ device, dice, tally, observer },
    ledger: createLedger(),
    /** What was seen of it: questions asked, runs by their state, releases that it acknowledged, errors that it logged. */
    found: { asked: new Set(), finished: new Set(), runs: new Map(), releases: [], forgetting: 0, errors: [] },
  };
  rig.wishes = createWishes({ ...rig, others: () => names().filter((name) => name !== device.name) });
  return rig;
}

function progress(tally, beganMs) {
  const seconds = Math.round((performance.now() - beganMs) / 1000);
  return `${seconds} s, ${tally.of('kills')} kills, ${tally.of('starts')} starts, ${tally.of('commands')} commands, ${tally.problems.length} problems`;
}

process.exitCode = await main();
