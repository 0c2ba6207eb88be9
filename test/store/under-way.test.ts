import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../agent/store/store.ts';
import { optionsWith, temporaryDirectory } from './fixtures.ts';

const options = optionsWith;
const temporaryPath = () => join(temporaryDirectory(), 'store.db');

describe('what is under way', () => {
  it('is known to the next process, decoded apart from then on, and forgotten once it was decoded', () => {
    const path = temporaryPath();
    const first = openStore(path, options());
    first.underWay.begin('file a');
    first.underWay.begin('file b');
    first.underWay.finish('file b');
    // Killed: nothing is closed in order.
    const second = openStore(path, options());
    expect(second.underWay.recover()).toBe(2);
    expect(second.underWay.courseOf('file a')).toBe('apart');
    expect(second.underWay.courseOf('file c')).toBe('plain');
    expect(second.underWay.count).toBe(0);
    second.underWay.begin('file a');
    second.underWay.finish('file a');
    expect(second.underWay.courseOf('file a')).toBe('plain');
    second.close();
    const third = openStore(path, options());
    expect(third.underWay.recover()).toBe(0);
    expect(third.underWay.courseOf('file a')).toBe('plain');
    third.close();
    first.close();
  });

  it('is counted at two deaths, and set aside where it is there at every death', () => {
    const path = temporaryPath();
    for (let death = 1; death <= 6; death += 1) {
      const store = openStore(path, options());
      store.underWay.recover();
      expect(store.underWay.courseOf('sample s1')).toBe(death === 1 ? 'plain' : 'apart');
      store.underWay.begin('sample s1');
      store.close();
    }
    const store = openStore(path, options());
    store.underWay.recover();
    expect(store.underWay.courseOf('sample s1')).toBe('aside');
    expect(store.underWay.count).toBe(1);
    store.close();
  });

  it('stays set aside, also where it is crossed out later', () => {
    const path = temporaryPath();
    const store = openStore(path, options());
    store.underWay.begin('file a');
    store.underWay.setAside('file a');
    store.underWay.settle();
    store.close();
    const again = openStore(path, options());
    expect(again.underWay.recover()).toBe(0);
    expect(again.underWay.courseOf('file a')).toBe('aside');
    again.close();
  });

  it('remembers the deaths of a worker', () => {
    const store = openStore(temporaryPath(), options());
    store.underWay.begin('file a');
    store.underWay.begin('file b');
    store.underWay.died(['file a']);
    expect([store.underWay.courseOf('file a'), store.underWay.courseOf('file b')]).toEqual(['apart', 'plain']);
    store.close();
  });
});
