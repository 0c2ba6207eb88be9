import { describe, expect, it } from 'vitest';
import { machineClock } from '../../agent/clock.ts';
import { type CollectPorts, createCollect } from '../../agent/engine/collect.ts';
import { WhetError } from '../../agent/errors.ts';
import { createLog } from '../../agent/log.ts';
import type { Capture } from '../../agent/types.ts';
import { clockAt } from '../store/fixtures.ts';

const capture: Capture = { source: 'door', timeMs: 1, kind: 'image', bytes: Uint8Array.of(1), origin: 'a.jpg 1 1' };

/** Ports that record what they are told; `changes` replace some of them. */
function setUp(confidence: number, changes: Partial<CollectPorts> = {}) {
  const told: string[] = [];
  const ports: CollectPorts = {
    requireRoom: () => {},
    async infer() {
      return {
        features: Float32Array.of(1),
        answer: { kind: 'classes', scores: [{ label: 'cat', confidence }] },
        hash: 7n,
        release: 'base',
        latencyMs: 1,
      };
    },
    isDuplicate: () => false,
    add: () => 'sample',
    remember: (origin) => told.push(`remember ${origin}`),
    predicted: (sample) => told.push(`predicted ${sample}`),
    mayAsk: () => true,
    async ask(sample) {
      told.push(`ask ${sample}`);
    },
    ...changes,
  };
  return { ports, told, collect: createCollect(ports, 0.6, createLog('silent'), machineClock) };
}

/** What, confidence, more of the capture, other ports, what is told. */
type Case = [string, number, Partial<Capture>, Partial<CollectPorts>, string[]];

const infer = (code: 'image-unreadable' | 'audio-unreadable' | 'inference-unavailable') => async () => {
  throw new WhetError(code, 'no');
};

describe('collect', () => {
  it.each([
    ['a sure one is stored and predicted', 0.9, {}, {}, ['predicted sample']],
    ['an unsure one is asked about', 0.5, {}, {}, ['predicted sample', 'ask sample']],
    ['an unsure one with a label is not', 0.5, { label: 'cat' }, {}, ['predicted sample']],
    ['an unsure one is not, where the budget is spent', 0.5, {}, { mayAsk: () => false }, ['predicted sample']],
    ['one like another is predicted only', 0.5, {}, { isDuplicate: () => true }, ['remember a.jpg 1 1', 'predicted null']],
    ['one like another with a label is stored', 0.9, { label: 'cat' }, { isDuplicate: () => true }, ['predicted sample']],
    ['one that is no picture is remembered and dropped', 0.9, {}, { infer: infer('image-unreadable') }, ['remember a.jpg 1 1']],
    ['one that is no recording as well', 0.9, { kind: 'audio' }, { infer: infer('audio-unreadable') }, ['remember a.jpg 1 1']],
  ] satisfies readonly Case[])('%s', async (_what, confidence, more, changes, wanted) => {
    const { told, collect } = setUp(confidence, changes);
    await collect.take({ ...capture, ...more });
    expect(told).toEqual(wanted);
  });

  it('runs no model over a labelled capture that cannot be kept', async () => {
    const full = () => {
      throw new WhetError('disk-full', 'no room');
    };
    const inferred: string[] = [];
    const counting = async () => {
      inferred.push('once');
      return { features: Float32Array.of(1), answer: { kind: 'classes' as const, scores: [] }, hash: 7n, release: 'base', latencyMs: 1 };
    };
    const { collect } = setUp(0.9, { requireRoom: full, infer: counting });
    await expect(collect.take({ ...capture, label: 'cat' })).rejects.toMatchObject({ code: 'disk-full' });
    await collect.take(capture);
    expect(inferred).toEqual(['once']);
  });

  it.each([
    ['a frame of a camera is predicted', undefined, ['predicted null']],
    ['a file, which is offered again, not yet', 'a.jpg 1 1', []],
  ])('where the disk is full, %s', async (_what, origin, wanted) => {
    const add = () => {
      throw new WhetError('disk-full', 'no room');
    };
    const { told, collect } = setUp(0.5, { add });
    const { origin: _, ...frame } = capture;
    await expect(collect.take(origin === undefined ? frame : { ...frame, origin })).rejects.toMatchObject({ code: 'disk-full' });
    expect(told).toEqual(wanted);
    expect(collect.counters).toMatchObject({ stored: 0, dropped: 1 });
  });

  it('throws where the capture may be offered again, and does not remember it', async () => {
    const { told, collect } = setUp(0.9, { infer: infer('inference-unavailable') });
    await expect(collect.take(capture)).rejects.toMatchObject({ code: 'inference-unavailable' });
    expect(told).toEqual([]);
    expect(collect.counters).toMatchObject({ captures: 1, stored: 0, unusable: 0, dropped: 1 });
  });

  it('is alive unless a capture has been under way for longer than any takes', async () => {
    const held = Promise.withResolvers<never>();
    const clock = clockAt();
    const { ports } = setUp(0.9, { infer: () => held.promise });
    const collect = createCollect(ports, 0.6, createLog('silent'), clock);
    const taken = collect.take(capture).catch(() => 'failed');
    clock.pass(9 * 60_000);
    expect(collect.isAlive()).toBe(true);
    clock.pass(2 * 60_000);
    expect(collect.isAlive()).toBe(false);
    held.reject(new Error('at last'));
    expect(await taken).toBe('failed');
    expect(collect.isAlive()).toBe(true);
  });
});
