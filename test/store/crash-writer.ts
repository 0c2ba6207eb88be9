// The process that the crash test kills: writes to a store and its releases in a loop and says on standard output what is done. A line
// `try …` stands before what changes the current release, `did …` after anything that is durable.

import { createHash, randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { machineClock } from '../../agent/clock.ts';
import { createReleases } from '../../agent/release/releases.ts';
import { openStore } from '../../agent/store/store.ts';
import type { OutboxMessage } from '../../agent/types.ts';

const [directory, life] = process.argv.slice(2) as [string, string];
const clock = machineClock;
const say = (line: Record<string, unknown>) => writeSync(1, `${JSON.stringify(line)}\n`);

const store = openStore(join(directory, 'store.db'), {
  samples: { maxUnlabelled: 100_000, maxBytes: 1e9, maxRawBytes: 1e9 },
  outbox: { maxBytes: 1e9, maxAgeMs: 1e12 },
  clock,
});
const releases = createReleases(join(directory, 'releases'), clock);
await releases.start();
store.runs.interruptUnfinished(clock.now());

function messageOf(text: string): OutboxMessage {
  const topic = text.split(' ')[0]!;
  return { topic, payload: Buffer.from(text), retain: false, timeMs: clock.now(), replaceKey: null, priority: 'high' };
}

function described<F extends string>(file: F, bytes: Uint8Array) {
  return { file, bytes: bytes.byteLength, sha256: createHash('sha256').update(bytes).digest('hex') };
}

async function release(): Promise<void> {
  // Large, so that a kill at any time often falls into its writing.
  const [artifact, delta, master] = [randomBytes(4_000_000), randomBytes(5000), randomBytes(20_000)];
  const { version } = await releases.add(
    {
      base: { name: 'net', sha256: '1'.repeat(64), backbone: '2'.repeat(64), cut: 'x' },
      artifact: described('model.onnx', artifact),
      delta: described('delta.safetensors', delta),
      master: described('master.safetensors', master),
      classes: ['a'],
      learner: 'x',
      origin: 'training',
      run: null,
      scores: { before: null, after: null },
    },
    { artifact, delta, master, card: Buffer.from('{}') },
  );
  say({ did: 'release', version });
  say({ try: 'current', version });
  await releases.activate(version);
  await releases.confirm(version);
  say({ did: 'current', version });
}

say({ did: 'open' });
for (let turn = 0; ; turn += 1) {
  const name = `${life}.${turn}`;
  const added = store.samples.add({
    source: 'cam',
    timeMs: clock.now(),
    origin: name,
    backbone: 'b',
    features: Float32Array.from({ length: 1280 }, () => turn),
    answer: { kind: 'classes', scores: [{ label: 'a', confidence: 0.5 }] },
    release: 'base',
    hash: BigInt(turn),
    raw: randomBytes(10_000),
  });
  if (added.kind !== 'added') throw new Error(added.reason);
  say({ did: 'sample', id: added.id, origin: name });
  store.labels.set([added.id], `label ${turn}`, 'cli', turn);
  say({ did: 'label', id: added.id, label: `label ${turn}` });
  store.outbox.enqueue(messageOf(`report ${name}`));
  say({ did: 'enqueue', text: `report ${name}` });
  store.commands.accept({ type: 'train', id: name, payload: Buffer.from(name), timeMs: clock.now() });
  say({ did: 'accept', id: name });
  if (turn % 2 === 0) {
    store.commands.finish('train', name, messageOf(`result ${name}`));
    say({ did: 'finish', id: name });
  }
  if (turn % 5 === 4) {
    const { ids } = store.forget({ samples: [added.id] });
    say({ did: 'forget', id: ids[0] });
  }
  if (turn % 2 === 0) await release();
  if (turn % 6 === 5) {
    say({ try: 'current', version: 'any' });
    const { current } = await releases.rollback();
    await releases.prune(3);
    say({ did: 'current', version: current });
  }
}
