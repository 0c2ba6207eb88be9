// Pause and resume: one switch in the store, which outlives the daemon.
import { z } from 'zod';
import type { Store } from '../store/store.ts';
import { always, operation } from './operation.ts';
import type { DeviceParts } from './parts.ts';
import { nothing } from './schemas.ts';

const pausedSetting = 'training.paused';

export function isPaused(store: Store): boolean {
  return store.settings.get(pausedSetting) === true;
}

function setPaused({ store, changed }: DeviceParts, paused: boolean): { readonly paused: boolean } {
  store.settings.set(pausedSetting, paused);
  changed();
  return { paused };
}

export const pause = operation({
  summary: 'Stop scheduled training',
  arguments: nothing,
  result: z.object({ paused: z.literal(true) }),
  lane: 'quick',
  rerunnable: always,
  run: async (device) => setPaused(device, true),
});

export const resume = operation({
  summary: 'Let scheduled training go on',
  arguments: nothing,
  result: z.object({ paused: z.literal(false) }),
  lane: 'quick',
  rerunnable: always,
  run: async (device) => setPaused(device, false),
});
