// Which captures are asked about: those that the model is unsure of, one of those that look alike, within the budget.
import { expect, it } from 'vitest';
import type { Config } from '../../agent/config/resolve.ts';
import { collectPorts } from '../../agent/engine/collecting.ts';
import { createEvents } from '../../agent/events.ts';
import type { Inference } from '../../agent/inference/inference.ts';
import { createLog } from '../../agent/log.ts';
import type { Capture, Inferred } from '../../agent/types.ts';
import { backbone, clockAt, temporaryStore } from '../store/fixtures.ts';

const capture: Capture = { source: 'door', timeMs: 1, kind: 'image', bytes: Uint8Array.of(1) };
const said = (hash: bigint, label = 'cat'): Inferred => ({
  features: Float32Array.of(1),
  answer: { kind: 'classes', scores: [{ label, confidence: 0.4 }] },
  hash,
  release: 'base',
  latencyMs: 1,
});

function setUp(windowSeconds = 60) {
  const clock = clockAt();
  const store = temporaryStore({ clock });
  const queries = { below: 0.6, perHour: 100, thumbnail: false, thumbnailEdge: 160 };
  const config = { duplicates: { windowSeconds, distance: 4 }, queries } as unknown as Config;
  const ports = collectPorts(config, store, {} as Inference, backbone, createEvents(createLog('silent')), clock);
  const asks = async (inferred: Inferred, from: Capture = capture) => {
    const sample = ports.add({ capture: from, inferred });
    const may = ports.mayAsk(clock.now(), from, inferred);
    if (may) await ports.ask(sample, from, inferred);
    return may;
  };
  return { clock, store, asks };
}

it('asks about one of the pictures that look alike, of each source, and again after an hour', async () => {
  const { clock, store, asks } = setUp();
  expect(await asks(said(0b1111n))).toBe(true);
  expect(await asks(said(0b0111n))).toBe(false);
  expect(await asks(said(0b1111n, 'dog'))).toBe(true);
  expect(await asks(said(0xffff_0000n))).toBe(true);
  expect(await asks(said(0b1111n), { ...capture, source: 'yard' })).toBe(true);
  expect(store.queries.countOpen()).toBe(4);
  clock.pass(3_700_000);
  expect(await asks(said(0b1111n))).toBe(true);
});

it('asks about each where alike pictures are wanted', async () => {
  const { store, asks } = setUp(0);
  expect(await asks(said(1n))).toBe(true);
  expect(await asks(said(1n))).toBe(true);
  expect(store.queries.countOpen()).toBe(2);
});
