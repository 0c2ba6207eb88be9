// The peers that set-up-peers.sh has put into a folder: each takes one training step of a tail in a process of its own. Gives the ones that are there,
// and names the others.
import '../../agent/runtime/telemetry-off.ts';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeModel } from '../../dist/onnx/codec/encode.js';
import { value } from '../../dist/onnx/made/build.js';

const names = ['torch', 'onnxruntime-training', 'onnxsim'];
const script = fileURLToPath(new URL('./peer-steps.py', import.meta.url));

/** `run(job, threads)` takes one of train-tails.mjs and gives { peer, us_per_step, peak_rss_mb }, or throws what the peer said. */
export function findWheelPeers(folder) {
  if (folder === undefined || existsSync(join(folder, 'run.sh'))) return { found: [], missing: [] };
  const pythonOf = (name) => join(folder, name, 'bin', 'python');
  const found = names.filter((name) => existsSync(pythonOf(name)));
  return {
    found: found.map((name) => ({ name, run: (job, threads) => runPeer(pythonOf(name), name, job, threads) })),
    missing: names.filter((name) => !found.includes(name)),
  };
}

function runPeer(python, name, { batch, optimizer, tail: make }, threads) {
  const { tail, sample, classes } = make();
  const place = mkdtempSync(join(tmpdir(), 'whet-peer-'));
  try {
    const file = join(place, 'tail.onnx');
    const { model, parameters } = tail;
    const ends = { inputs: [value('x', [batch, ...sample])], outputs: [value('z', [batch, classes])] };
    writeFileSync(file, encodeModel({ ...model, graph: { ...model.graph, ...ends } }));
    const steps = sample.length === 1 ? 300 : 15;
    const layers = model.graph.nodes.map((node) => layerOf(node, model.graph.initializers));
    const job = { batch, optimizer, sample, classes, threads, steps, layers, parameters: parameters.map((each) => each.name) };
    const result = spawnSync(python, [script, name, file, JSON.stringify(job)], {
      encoding: 'utf8',
      cwd: place,
      env: { ...process.env, OMP_NUM_THREADS: String(threads) },
      timeout: 300_000,
    });
    const line = result.stdout?.trim().split('\n').at(-1) ?? '';
    if (result.status === 0 && line.startsWith('{')) return JSON.parse(line);
    throw new Error(`${name} failed (status ${result.status}): ${result.stderr?.trim().split('\n').at(-1) || 'no output'}`);
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** What a peer that does not read ONNX needs to know. */
function layerOf({ op, inputs, attributes }, initializers) {
  const dims = initializers.get(inputs[1] ?? '')?.dims ?? [];
  if (op === 'Gemm') return { op, inputs: dims[1], outputs: dims[0] };
  if (op !== 'Conv') return { op };
  const group = Number(attributes.group?.value ?? 1);
  return { op, inputs: dims[1] * group, outputs: dims[0], kernel: dims[2], group };
}
