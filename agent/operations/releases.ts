// The releases on this device, with their health; the whole manifests for who asks here, the main facts over the network.
import { z } from 'zod';
import type { ReleaseList } from '../release/releases.ts';
import { always, operation } from './operation.ts';
import { count, nothing, text } from './schemas.ts';

export const releases = operation({
  summary: 'The releases on this device, oldest first',
  arguments: nothing,
  result: z.object({
    current: text,
    releases: z.array(z.object({ version: text, createdAtMs: count, origin: text, learner: text, health: text })).max(1000),
  }),
  lane: 'quick',
  rerunnable: always,
  async run(device): Promise<Pick<ReleaseList, 'current' | 'releases'>> {
    const { current, releases: all } = await device.releases.list();
    return { current, releases: all };
  },
});
