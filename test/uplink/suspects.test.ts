import { describe, expect, it } from 'vitest';
import { createSuspects } from '../../agent/uplink/suspects.ts';

function setUp<K>() {
  const told: K[] = [];
  let changes = 0;
  const suspects = createSuspects<K>({ setAside: (key) => told.push(key), changed: () => (changes += 1) });
  /** All of these that may go are sent, and the connection ends. */
  const lose = (...keys: readonly K[]) => {
    const gone = keys.filter((key) => suspects.mayGo(key) && suspects.sent(key) === undefined);
    suspects.lost();
    return gone;
  };
  return { suspects, told, lose, changes: () => changes };
}

describe('suspects', () => {
  it('finds the one that ends the connection, among others in flight, and sets it aside once it did so alone', async () => {
    const { suspects, told, lose, changes } = setUp<number | string>();
    for (let time = 0; time < 3; time += 1) expect(lose('health', 7, 8)).toEqual(['health', 7, 8]);
    // The first stands first: it goes alone, and is taken.
    expect(suspects.alone).toBe('health');
    expect([suspects.mayGo(7), suspects.mayGo(9), suspects.mayGo('health')]).toEqual([false, false, true]);
    suspects.sent('health');
    expect(suspects.mayGo('health')).toBe(false);
    suspects.taken('health');
    expect(suspects.alone).toBe(7);
    await Promise.resolve();
    expect(changes()).toBe(1);
    for (let time = 0; time < 3; time += 1) expect(lose('health', 7, 8)).toEqual([7]);
    expect({ told, aside: suspects.isSetAside(7), alone: suspects.alone }).toEqual({ told: [7], aside: true, alone: 8 });
    suspects.taken(8);
    expect([suspects.alone, suspects.mayGo(9), suspects.setAside]).toEqual([undefined, true, 1]);
  });

  it('one that is tried again waits for what is on its way, and is told when that is taken', async () => {
    const { suspects, lose, changes } = setUp<string>();
    for (let time = 0; time < 6; time += 1) lose('a');
    await Promise.resolve();
    const before = changes();
    suspects.sent('b');
    suspects.retry('a');
    expect(suspects.mayGo('a')).toBe(false);
    suspects.taken('b');
    await Promise.resolve();
    expect({ may: suspects.mayGo('a'), told: changes() - before }).toEqual({ may: true, told: 1 });
  });

  it('one that was set aside is tried once, and set aside again or free', () => {
    const { suspects, told, lose } = setUp<string>();
    for (let time = 0; time < 6; time += 1) lose('a');
    expect(suspects.isSetAside('a')).toBe(true);
    suspects.retry('a');
    expect([suspects.isSetAside('a'), suspects.alone]).toEqual([false, 'a']);
    lose('a');
    expect({ told, aside: suspects.isSetAside('a') }).toEqual({ told: ['a', 'a'], aside: true });
    suspects.retry('a');
    suspects.taken('a');
    expect({ aside: suspects.setAside, alone: suspects.alone }).toEqual({ aside: 0, alone: undefined });
  });

  it('a connection that ends for a known reason counts against its culprit alone', () => {
    const { suspects } = setUp<string>();
    for (let time = 0; time < 3; time += 1) {
      suspects.sent('a');
      suspects.sent('b');
      suspects.ended('b');
    }
    expect(suspects.alone).toBe('b');
    suspects.forgive();
    expect([suspects.alone, suspects.mayGo('a')]).toEqual([undefined, true]);
  });

  it('holds nothing against a message that was taken in the end', () => {
    const { suspects, lose } = setUp<string>();
    for (let round = 0; round < 10; round += 1) {
      lose('a');
      lose('a');
      suspects.taken('a');
    }
    expect({ alone: suspects.alone, setAside: suspects.setAside }).toEqual({ alone: undefined, setAside: 0 });
  });
});
