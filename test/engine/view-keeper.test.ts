import { describe, expect, it } from 'vitest';
import { createViewKeeper } from '../../agent/engine/view-keeper.ts';
import { WhetError } from '../../agent/errors.ts';
import { createLog } from '../../agent/log.ts';
import { addTo, backbone, temporaryStore } from '../store/fixtures.ts';

const never = new AbortController().signal;

/** Two views of four numbers, of the capture's first byte; 0 is no capture, 255 a worker that is away. */
function setUp() {
  const store = temporaryStore();
  const embedded: number[] = [];
  const keeper = createViewKeeper({
    ...{ store, backbone, log: createLog('silent') },
    async embedViews([first = 0]) {
      embedded.push(first);
      if (first === 0) throw new WhetError('audio-unreadable', 'no recording');
      if (first === 255 && embedded.filter((value) => value === 255).length === 1) throw new WhetError('inference-unavailable', 'away');
      return [1, 2].map((view) => Float32Array.of(first, view, 0, 0));
    },
  });
  const add = (first: number, label?: string) => addTo(store, { raw: Uint8Array.of(first), ...(label === undefined ? {} : { label }) });
  const kept = () => [...store.features.views(backbone)].map(({ id, views }) => [id, views.map(([value]) => value)]);
  return { store, keeper, embedded, add, kept };
}

describe('views of labelled captures', () => {
  it('are there when it is settled, also of those that were labelled meanwhile', async () => {
    const { store, keeper, embedded, add, kept } = setUp();
    const ids = [add(3, 'cat'), add(4), add(5, 'cat')];
    keeper.wake();
    store.labels.set([ids[1]!], 'dog', 'cli', 1);
    await keeper.settled(never);
    expect(kept()).toEqual([
      [ids[0], [3, 3]],
      [ids[1], [4, 4]],
      [ids[2], [5, 5]],
    ]);
    await keeper.settled(never);
    expect(embedded.toSorted()).toEqual([3, 4, 5]);
  });

  it('are none of a capture that cannot be read, which is tried once, while one whose worker was away is tried again', async () => {
    const { keeper, embedded, add, kept } = setUp();
    const ids = [add(0, 'cat'), add(255, 'cat')];
    await keeper.settled(never);
    expect(kept()).toEqual([[ids[0], []]]);
    await keeper.settled(never);
    expect(kept()).toEqual([
      [ids[0], []],
      [ids[1], [255, 255]],
    ]);
    expect(embedded).toEqual([0, 255, 255]);
  });

  it('are left out of many captures, and after the end', async () => {
    const { keeper, embedded, add } = setUp();
    for (let index = 0; index < 301; index += 1) add(7, 'cat');
    await keeper.settled(never);
    expect(embedded).toEqual([]);
    const other = setUp();
    await other.keeper.stop();
    other.add(7, 'cat');
    await other.keeper.settled(never);
    expect(other.embedded).toEqual([]);
  });

  it('are not waited for after the signal', async () => {
    const { store, add } = setUp();
    add(7, 'cat');
    const abort = new AbortController();
    const keeper = createViewKeeper({
      ...{ store, backbone, log: createLog('silent') },
      embedViews: () => new Promise(() => abort.abort()),
    });
    await keeper.settled(abort.signal);
    expect(abort.signal.aborted).toBe(true);
  });
});
