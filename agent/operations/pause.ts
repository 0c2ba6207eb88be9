// Pause and resume: one switch in the store, which outlives the daemon.
import { z } from 'zod';
import type { DeviceParts } from '../engine/parts.ts';
import { setPaused } from '../engine/training-schedule.ts';
import { always, operation } from './operation.ts';
import { nothing } from './schemas.ts';

function pauseOrResume({ store, changed }: DeviceParts, paused: boolean): { readonly paused: boolean } {
  setPaused(store.settings, paused);
  changed();
  return { paused };
}

export const pause = operation({
  summary: 'Stop scheduled training',
  arguments: nothing,
  result: z.object({ paused: z.literal(true) }),
  lane: 'quick',
  rerunnable: always,
  run: async (device) => pauseOrResume(device, true),
});

export const resume = operation({
  summary: 'Let scheduled training go on',
  arguments: nothing,
  result: z.object({ paused: z.literal(false) }),
  lane: 'quick',
  rerunnable: always,
  run: async (device) => pauseOrResume(device, false),
});
