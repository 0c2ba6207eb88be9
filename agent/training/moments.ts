// What a device's sources say about which captures are one observation, and how often it has asked whether something is better than what it has.

import { type Look, noLooks } from '../candidate/looks.ts';
import { kindOf } from '../capture/kinds.ts';
import type { ModelCard } from '../config/card.ts';
import type { Config } from '../config/resolve.ts';
import { importSource } from '../config/source-schema.ts';
import type { MomentRules } from '../store/moments.ts';
import type { Settings } from '../store/settings.ts';

/** Of sources that the configuration no longer names. */
const unknownBurstMs = 2000;
/** Releases whose looks are remembered: as many as are ever kept to roll back to. */
const mostReleases = 50;

export function momentRules({ sources, duplicates }: Config, { input }: ModelCard): MomentRules {
  const bursts = new Map(sources.map((source) => [source.name, kindOf(source).burstMs(source, input)]));
  return {
    burstMs: (source) => bursts.get(source) ?? unknownBurstMs,
    separate: [importSource, ...sources.map(({ name }) => name).filter((name) => bursts.get(name) === null)],
    distance: duplicates.distance,
  };
}

/** By the release that was current, so that neither a restart nor a rollback begins anew. */
export function looksOf(settings: Settings): { at(version: string): Look; keep(version: string, look: Look): void } {
  const all = () => (settings.get('gate.looks') ?? {}) as Readonly<Record<string, Look>>;
  return {
    at: (version) => all()[version] ?? noLooks,
    keep(version, look) {
      const others = Object.entries(all()).filter(([name]) => name !== version);
      settings.set('gate.looks', Object.fromEntries([...others, [version, look] as const].slice(-mostReleases)));
    },
  };
}
