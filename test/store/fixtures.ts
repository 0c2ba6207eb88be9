// A store in a directory of its own that goes away with the test, and samples for it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { NewSample } from '../../agent/store/sample-rows.ts';
import { openStore, type Store, type StoreOptions } from '../../agent/store/store.ts';

export const backbone = 'ab'.repeat(32);
export const megabyte = 1024 * 1024;

export interface TestClock {
  nowMs: number;
  /** Time that passed, whatever the wall clock shows. */
  livedMs: number;
  now(): number;
  monotonicMs(): number;
  /** Lets time go by on both clocks. */
  pass(durationMs: number): void;
}

export function clockAt(nowMs = Date.UTC(2026, 10, 1)): TestClock {
  return {
    nowMs,
    livedMs: 1000,
    now() {
      return this.nowMs;
    },
    monotonicMs() {
      return this.livedMs;
    },
    pass(durationMs) {
      this.nowMs += durationMs;
      this.livedMs += durationMs;
    },
  };
}

export function temporaryDirectory(parent = tmpdir()): string {
  const directory = mkdtempSync(join(parent, 'whet-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function optionsWith(options: Partial<StoreOptions> = {}): StoreOptions {
  return {
    samples: { maxUnlabelled: 1000, maxBytes: 100 * megabyte, maxRawBytes: 50 * megabyte },
    outbox: { maxBytes: megabyte, maxAgeMs: 7 * 86_400_000 },
    clock: clockAt(),
    ...options,
  };
}

export function storeIn(directory: string, options: Partial<StoreOptions> = {}): Store {
  const store = openStore(join(directory, 'store.db'), optionsWith(options));
  onTestFinished(() => store.close());
  return store;
}

export function temporaryStore(options: Partial<StoreOptions> = {}): Store {
  return storeIn(temporaryDirectory(), options);
}

export function sample(changes: Partial<NewSample> = {}): NewSample {
  return {
    source: 'door',
    timeMs: Date.UTC(2026, 10, 1),
    backbone,
    features: Float32Array.of(1, 2.5, -3, 0),
    answer: {
      kind: 'classes',
      scores: [
        { label: 'cat', confidence: 0.75 },
        { label: 'dog', confidence: 0.25 },
      ],
    },
    release: 'base',
    hash: 0xf00dn,
    ...changes,
  };
}

/** Adds and gives the id; throws where the store is full. */
export function addTo(store: Store, changes: Partial<NewSample> = {}): string {
  const added = store.samples.add(sample(changes));
  if (added.kind !== 'added') throw new Error(added.reason);
  return added.id;
}
