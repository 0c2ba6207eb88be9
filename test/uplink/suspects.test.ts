import { describe, expect, it } from 'vitest';
import { createSuspects } from '../../agent/uplink/suspects.ts';

describe('suspects', () => {
  it('finds the one that ends the connection, among others in flight, and sets it aside once it did so alone', () => {
    const told: number[] = [];
    const suspects = createSuspects<number>((id) => told.push(id));
    const lossesOf7 = () => suspects.lost(suspects.alone === undefined ? [6, 7, 8] : [suspects.alone]);
    for (let time = 0; time < 3; time += 1) lossesOf7();
    // 6 stands first: it goes alone, and is taken.
    expect(suspects.alone).toBe(6);
    suspects.taken(6);
    expect(suspects.alone).toBe(7);
    for (let time = 0; time < 3; time += 1) lossesOf7();
    expect({ told, aside: suspects.isSetAside(7), alone: suspects.alone }).toEqual({ told: [7], aside: true, alone: 8 });
    suspects.taken(8);
    expect(suspects.alone).toBeUndefined();
    expect(suspects.setAside).toBe(1);
  });

  it('holds nothing against a message that was taken in the end', () => {
    const suspects = createSuspects<string>(() => {});
    for (let round = 0; round < 10; round += 1) {
      suspects.lost(['a']);
      suspects.lost(['a']);
      suspects.taken('a');
    }
    expect({ alone: suspects.alone, setAside: suspects.setAside }).toEqual({ alone: undefined, setAside: 0 });
  });
});
