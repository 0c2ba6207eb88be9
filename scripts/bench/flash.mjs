// What a camera's frames cost in flash: bytes that the store writes (log, file and all) for every byte of a frame that nobody asked about,
// in the steady state in which each new sample makes an old one leave. Beside it the same frames written one by one, each with a flush.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configSchema } from '../../dist/config/schema.js';
import { openStore } from '../../dist/store/store.js';
import { unaskedInMemory } from '../../dist/store/unasked.js';
import { formatTable } from './table.mjs';

const target = 1.2;
const megabyte = 1024 * 1024;
const kept = 500;
const { unaskedMegabytesPerDay } = configSchema.parse({ model: 'model.onnx' }).retention;
const unasked = { ...unaskedInMemory, writtenBytesPerDay: unaskedMegabytesPerDay * megabyte };

export async function run({ say }) {
  const results = [
    { frameKb: 100, width: 1280 },
    { frameKb: 40, width: 1280 },
    { frameKb: 20, width: 1280 },
    { frameKb: 20, width: 128 },
  ].map((job) => ({ ...job, ratio: written(job, unasked), each: written(job, undefined) }));
  say("flash: bytes written for a byte of a frame that nobody asked about, a frame a second; 500 samples kept, a day's allowance used up");
  const row = ({ frameKb, width, ratio, each }) => [`${frameKb} KB`, String(width), ratio.toFixed(2), `≤ ${target}`, each.toFixed(2)];
  say(formatTable(['frame', 'features', 'ratio', 'target', 'one by one'], results.map(row)));
  return results;
}

function written({ frameKb, width }, how) {
  const folder = mkdtempSync(join(tmpdir(), 'whet-bench-'));
  let nowMs = Date.UTC(2026, 0, 1);
  const clock = { now: () => nowMs, monotonicMs: () => nowMs };
  const store = openStore(join(folder, 'store.db'), {
    samples: { maxUnlabelled: kept, maxBytes: 512 * megabyte, maxRawBytes: 512 * megabyte },
    outbox: { maxBytes: megabyte, maxAgeMs: 1e9 },
    ...(how === undefined ? {} : { unasked: how }),
    clock,
  });
  const answer = { kind: 'classes', scores: Array.from({ length: 10 }, (_, at) => ({ label: `class ${at}`, confidence: 0.1 })) };
  const bytes = frameKb * 1000;
  const frames = (count) => {
    for (let frame = 0; frame < count; frame += 1) {
      nowMs += 1000;
      const features = Float32Array.from({ length: width }, Math.random);
      const raw = crypto.getRandomValues(new Uint8Array(Math.min(bytes, 65_536)));
      const whole = new Uint8Array(bytes).map((_, at) => raw[at % raw.length]);
      const sample = { source: 'door', timeMs: nowMs, backbone: 'b', features, answer, release: 'base', hash: BigInt(frame), raw: whole };
      store.samples.add(sample);
    }
  };
  // Until all that is kept came after the allowance was used up.
  frames(kept + Math.ceil((unasked.writtenBytesPerDay / 8 / bytes) * 1.3));
  const before = writtenSoFar();
  const count = 640;
  frames(count);
  store.checkpoint();
  const ratio = (writtenSoFar() - before) / (count * bytes);
  store.close();
  rmSync(folder, { recursive: true });
  return ratio;
}

/** Bytes that this process handed to write(2). */
function writtenSoFar() {
  return Number(/wchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))[1]);
}
