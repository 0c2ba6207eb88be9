// The compiled training step beside PyTorch (Debian's), and beside what set-up-peers.sh installed, where they are set up: the same layers, sizes and optimizer, one thread and two, each side in processes
// of its own, alternately. Time, peak memory, and how near the step comes to the fastest matrix product of this machine's runtime.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findPeer } from './peer.mjs';
import { formatTable, median } from './table.mjs';
import { jobs } from './train-tails.mjs';
import { findWheelPeers } from './wheel-peers.mjs';

/** Script and arguments of the peer that does the same: features, classes, samples, batch, epochs; or the tail's name and its batch. */
const peerJobs = {
  'head 1280': ['head.py', [1280, 10, 1000, 32, 10]],
  'head 256': ['head.py', [256, 12, 1000, 32, 10]],
  two: ['tail.py', ['two', 16]],
  block: ['tail.py', ['block', 16]],
};
const memoryTarget = 1 / 3;

export async function run({ rounds, peers, peerRoot, say }) {
  const wheels = findWheelPeers(peers);
  const isFolderOfWheels = wheels.found.length + wheels.missing.length > 0;
  const peer = findPeer({ ...(isFolderOfWheels ? {} : { peers }), peerRoot });
  if (peer.why !== null) say(`peer not set up: ${peer.why}`);
  for (const name of wheels.missing) say(`skipped ${name}: it is not in ${peers} (scripts/bench/set-up-peers.sh ${peers} ${name})`);
  const results = [];
  const ceilings = {};
  for (const threads of [1, 2]) {
    const bare = [];
    const measured = Object.keys(jobs).map((name) => {
      bare.push(ownJob('gemm', threads).gflops);
      return compare({ name, threads, rounds, runPeer: peer.run, wheels: wheels.found, say });
    });
    // The best of several moments: what else runs on a machine only ever lowers it.
    const ceiling = Math.max(...bare, ownJob('gemm', threads).gflops);
    ceilings[threads] = ceiling;
    const rows = measured.map((row) => ({ ...row, ofCeiling: row.gflops / ceiling }));
    say(`train: one step, ${threads === 1 ? 'one thread' : `${threads} threads`}; Gemm ceiling ${ceiling.toFixed(0)} GFLOP/s`);
    results.push(...rows);
    const header = ['tail', 'batch', 'ms', 'GFLOP/s', 'of ceiling', 'peer ms', 'ratio', 'target', 'MB', 'peer MB', 'ratio', 'target'];
    say(formatTable(header, rows.map(rowOf)));
    const others = rows.flatMap((row) => row.others.map((other) => otherRowOf(row, other)));
    if (others.length > 0) say(formatTable(['tail', 'beside', 'peer ms', 'ratio', 'peer MB', 'ratio'], others));
  }
  return { gemmCeilingGflops: ceilings, peer: peer.why === null ? 'set up' : peer.why, memoryTarget, results };
}

function compare({ name, threads, rounds, runPeer, wheels, say }) {
  const [ours, theirs] = [[], []];
  const others = wheels.map((wheel) => ({ ...wheel, measured: [] }));
  for (let round = 0; round < rounds; round += 1) {
    ours.push(ownJob(name, threads));
    for (const { run: runWheel, measured } of others) {
      try {
        measured.push({ ...runWheel(jobs[name], threads), own: ours.at(-1) });
      } catch (error) {
        say(`${name}: ${error.message}`);
      }
    }
    if (runPeer === null) continue;
    // A peer that takes too long on a busy machine costs its column, not what was measured so far.
    try {
      theirs.push({ ...runPeer(...peerJobs[name], threads), own: ours.at(-1) });
    } catch (error) {
      say(`${name}: ${error.message}`);
    }
  }
  const of = (list, pick) => (list.length === 0 ? null : median(list.map(pick)));
  const microseconds = of(ours, (each) => each.microseconds);
  const gflops = of(ours, (each) => each.gflops);
  const peerMicroseconds = of(theirs, (each) => each.us_per_step ?? each.ms_per_step * 1e3);
  const peakRssMb = of(ours, (each) => each.peakRssMb);
  const peerPeakRssMb = of(theirs, (each) => each.peak_rss_mb);
  return {
    job: name,
    title: jobs[name].title,
    batch: jobs[name].batch,
    threads,
    microseconds,
    gflops,
    peer: theirs[0]?.peer ?? null,
    peerMicroseconds,
    // Of the pairs, so that what disturbs one moment disturbs both sides.
    ratio: of(
      theirs.map((each) => each.own.microseconds / (each.us_per_step ?? each.ms_per_step * 1e3)),
      (each) => each,
    ),
    target: jobs[name].target,
    peakRssMb,
    peerPeakRssMb,
    memoryRatio: peerPeakRssMb === null ? null : peakRssMb / peerPeakRssMb,
    others: others
      .filter(({ measured }) => measured.length > 0)
      .map(({ measured }) => ({
        peer: measured[0].peer,
        microseconds: of(measured, (each) => each.us_per_step),
        ratio: of(measured, (each) => each.own.microseconds / each.us_per_step),
        peakRssMb: of(measured, (each) => each.peak_rss_mb),
        memoryRatio: of(measured, (each) => each.own.peakRssMb / each.peak_rss_mb),
      })),
  };
}

function ownJob(name, threads) {
  const file = fileURLToPath(new URL('./train-job.mjs', import.meta.url));
  // As the trainer process is started.
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--max-semi-space-size=1', file, name, String(threads)], {
    encoding: 'utf8',
    timeout: 300_000,
  });
  const line = stdout.trim().split('\n').at(-1) ?? '';
  if (status !== 0 || !line.startsWith('{'))
    throw new Error(`the job '${name}' failed (status ${status}): ${stderr.trim() || 'no output'}`);
  return JSON.parse(line);
}

const milliseconds = (value) => (value === null ? '–' : (value / 1e3).toFixed(value < 1e3 ? 3 : 1));
const share = (value) => (value === null ? '–' : `1/${(1 / value).toFixed(1)}`);

function otherRowOf({ title }, { peer, microseconds, ratio, peakRssMb, memoryRatio }) {
  return [title, peer, milliseconds(microseconds), share(ratio), peakRssMb.toFixed(0), share(memoryRatio)];
}

function rowOf(result) {
  const { title, batch, microseconds, gflops, ofCeiling, peerMicroseconds, ratio, target, peakRssMb, peerPeakRssMb, memoryRatio } = result;
  return [
    title,
    String(batch),
    milliseconds(microseconds),
    gflops.toFixed(1),
    `${(100 * ofCeiling).toFixed(0)} %`,
    milliseconds(peerMicroseconds),
    share(ratio),
    share(target),
    peakRssMb.toFixed(0),
    peerPeakRssMb === null ? '–' : peerPeakRssMb.toFixed(0),
    share(memoryRatio),
    share(memoryTarget),
  ];
}
