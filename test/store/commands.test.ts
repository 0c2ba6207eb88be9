import { expect, test } from 'vitest';
import type { OutboxMessage } from '../../agent/types.ts';
import { clockAt, storeIn, temporaryDirectory, temporaryStore } from './fixtures.ts';

const result = (id: string): OutboxMessage => ({
  topic: `result/label/${id}`,
  payload: Buffer.from('{"ok":true}'),
  retain: false,
  timeMs: 1,
  replaceKey: null,
  priority: 'high',
});
const command = (id: string, type = 'label') => ({ type, id, payload: Buffer.from(`payload of ${id}`), timeMs: 5 });

test('a command is new once, waits over a restart, and is answered once', () => {
  const directory = temporaryDirectory();
  const store = storeIn(directory);
  expect([command('a'), command('b'), command('a'), command('a', 'train')].map(store.commands.accept)).toEqual([
    'new',
    'new',
    'duplicate',
    'new',
  ]);
  store.commands.finish('label', 'a', result('a'));
  store.commands.finish('label', 'a', result('a'));
  store.commands.finish('label', 'never accepted', result('x'));
  store.close();
  const again = storeIn(directory);
  expect(again.commands.unfinished().map(({ type, id, timeMs }) => [type, id, timeMs])).toEqual([
    ['label', 'b', 5],
    ['train', 'a', 5],
  ]);
  expect(Buffer.from(again.commands.payload('label', 'b')!).toString()).toBe('payload of b');
  expect(again.outbox.pending(10).map(({ topic }) => topic)).toEqual(['result/label/a']);
  expect(again.commands.accept(command('a'))).toBe('duplicate');
});

test('a result that cannot be stored leaves the command unfinished', () => {
  const store = temporaryStore();
  store.commands.accept(command('a'));
  const bad = { ...result('a'), topic: null as unknown as string };
  expect(() => store.commands.finish('label', 'a', bad)).toThrow();
  expect(store.commands.unfinished()).toHaveLength(1);
  store.commands.finish('label', 'a', result('a'));
  expect(store.outbox.counters.waiting).toBe(1);
});

test('finished ones are remembered up to a number, unfinished ones always', () => {
  const store = temporaryStore({ commands: { maxFinished: 3, maxAgeMs: 1e12, maxUnfinished: 100, maxUnfinishedBytes: 1e6 } });
  store.commands.accept(command('waits'));
  for (const id of ['a', 'b', 'c', 'd']) {
    store.commands.accept(command(id));
    store.commands.finish('label', id, result(id));
  }
  expect(['a', 'b', 'waits'].map((id) => store.commands.accept(command(id)))).toEqual(['new', 'duplicate', 'duplicate']);
});

test('waiting ones are bounded by their bytes, also after a restart', () => {
  const directory = temporaryDirectory();
  const commands = { maxFinished: 3, maxAgeMs: 1e12, maxUnfinished: 100, maxUnfinishedBytes: 40 };
  const store = storeIn(directory, { commands });
  for (const id of ['a', 'b', 'c']) store.commands.accept(command(id));
  expect(() => store.commands.accept(command('d'))).toThrow('is not accepted');
  store.close();
  const again = storeIn(directory, { commands });
  expect(() => again.commands.accept(command('d'))).toThrow('is not accepted');
  again.commands.finish('label', 'a', result('a'));
  expect(again.commands.payload('label', 'a')).toBeNull();
  expect(again.commands.accept(command('d'))).toBe('new');
});

test('old ones are forgotten, but never the last hundred: the clock may be wrong', () => {
  const clock = clockAt();
  const store = temporaryStore({ clock, commands: { maxFinished: 1000, maxAgeMs: 1000, maxUnfinished: 100, maxUnfinishedBytes: 1e6 } });
  const run = (id: string) => {
    const known = store.commands.accept(command(id));
    store.commands.finish('label', id, result(id));
    return known;
  };
  for (let number = 0; number < 110; number += 1) run(`c${number}`);
  clock.nowMs += 10_000;
  expect(run('later')).toBe('new');
  expect([run('c9'), run('c30'), run('c109'), run('later')]).toEqual(['new', 'duplicate', 'duplicate', 'duplicate']);
});

test('a flood is refused, and accepted again when room is made', () => {
  const store = temporaryStore({ commands: { maxFinished: 10, maxAgeMs: 1e9, maxUnfinished: 2, maxUnfinishedBytes: 1e6 } });
  store.commands.accept(command('a'));
  store.commands.accept(command('b'));
  expect(() => store.commands.accept(command('c'))).toThrow(expect.objectContaining({ code: 'commands-full' }));
  expect(store.commands.accept(command('a'))).toBe('duplicate');
  store.commands.finish('label', 'a', result('a'));
  expect(store.commands.accept(command('c'))).toBe('new');
});
