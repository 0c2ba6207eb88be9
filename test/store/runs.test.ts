import { expect, test } from 'vitest';
import type { TrainingReport } from '../../agent/types.ts';
import { addTo, storeIn, temporaryDirectory, temporaryStore } from './fixtures.ts';

const reportOf = (run: string): TrainingReport => ({
  run,
  startedAtMs: 1,
  reason: 'test',
  learner: 'closed-form',
  classes: ['a', 'b'],
  samples: { train: 10, holdout: 2 },
  before: null,
  after: { value: 0.5, samples: 2, low: 0.1, high: 0.9 },
  confusion: [
    [1, 0],
    [1, 0],
  ],
  base: null,
  verdict: { kind: 'rejected', reason: 'no better' },
  release: null,
  seconds: { train: 1, total: 2 },
  peakRssMb: 50,
});

test('a run is begun, then finished with its report or failed; the list is newest first', () => {
  const store = temporaryStore();
  store.runs.begin('r1', 'first', 10);
  expect(store.runs.get('r1')).toMatchObject({ state: 'running', endedMs: null, report: null });
  store.runs.finish('r1', reportOf('r1'), 20);
  store.runs.begin('r2', 'second', 30);
  store.runs.fail('r2', 'killed', 40);
  expect(store.runs.list(10).map(({ id, state }) => [id, state])).toEqual([
    ['r2', 'failed'],
    ['r1', 'finished'],
  ]);
  expect(store.runs.lastFinished()).toMatchObject({ id: 'r1', reason: 'first', beganMs: 10, endedMs: 20, report: reportOf('r1') });
  // What is over stays as it is.
  store.runs.fail('r1', 'late', 50);
  expect(store.runs.get('r1')?.state).toBe('finished');
  expect(store.runs.get('nothing')).toBeNull();
});

test('a run that was cut off is interrupted at the next start, once', () => {
  const directory = temporaryDirectory();
  const store = storeIn(directory);
  const id = addTo(store, { label: 'x' });
  store.runs.begin('r1', 'test', 10);
  store.runs.learnedFrom('r1', [id]);
  store.close();
  const again = storeIn(directory);
  expect(again.runs.interruptUnfinished(99)).toEqual(['r1']);
  expect(again.runs.interruptUnfinished(100)).toEqual([]);
  expect(again.runs.get('r1')).toMatchObject({ state: 'interrupted', endedMs: 99 });
  expect(again.runs.trainedOn('r1')).toEqual([id]);
});

test('pruning keeps what releases still need, and the last finished run', () => {
  const store = temporaryStore();
  const ids = [addTo(store), addTo(store)];
  for (let number = 1; number <= 9; number += 1) {
    const run = `r${number}`;
    store.runs.begin(run, 'test', number);
    store.runs.learnedFrom(run, ids);
    if (number === 2) store.runs.finish(run, reportOf(run), number);
    else store.runs.fail(run, 'x', number);
  }
  store.runs.begin('r10', 'test', 10);
  store.runs.prune(['r4'], 3);
  expect(store.runs.list(100).map(({ id }) => id)).toEqual(['r10', 'r9', 'r8', 'r4', 'r2']);
  expect(store.runs.trainedOn('r4')).toEqual(ids);
  expect(store.runs.trainedOn('r9')).toEqual([]);
});

test('pruning without any finished run', () => {
  const store = temporaryStore();
  for (const run of ['r1', 'r2']) {
    store.runs.begin(run, 'test', 1);
    store.runs.fail(run, 'x', 2);
  }
  store.runs.prune([], 1);
  expect(store.runs.list(100).map(({ id }) => id)).toEqual(['r2']);
});

test('settings outlive a restart', () => {
  const directory = temporaryDirectory();
  const store = storeIn(directory);
  store.settings.set('paused', true);
  store.settings.set('paused', { since: 7 });
  store.close();
  const again = storeIn(directory);
  expect(again.settings.get('paused')).toEqual({ since: 7 });
  expect(again.settings.get('never')).toBeUndefined();
});

test('labels are used up by runs that learned, and by no other', () => {
  const store = temporaryStore();
  const run = (id: string, learner: string | null, atMs: number) => {
    store.runs.begin(id, 'test', atMs);
    store.runs.finish(id, { ...reportOf(id), learner }, atMs);
  };
  expect(store.runs.lastLearned()).toBeNull();
  run('r1', 'closed-form', 1);
  for (let at = 2; at < 9; at += 1) run(`r${at}`, null, at);
  store.runs.prune([], 2);
  expect(store.runs.lastLearned()).toBe('r1');
  expect(store.runs.lastFinished()?.id).toBe('r8');
});
