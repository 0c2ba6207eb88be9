// What a device's sources say about which captures are one observation, and how often it has asked whether something is better than what it has.
import { type Look, noLooks } from '../candidate/looks.ts';
import type { ModelCard } from '../config/card.ts';
import type { Config } from '../config/resolve.ts';
import type { MomentRules } from '../store/moments.ts';
import type { Settings } from '../store/settings.ts';

/** Frames of one source within this time show the same moment. */
const burstMs = 2000;
/** Windows that follow one another are one chain, also where the clock of the sensor is not exact. */
const windowGap = 1.25;
/** Releases whose looks are remembered: as many as are ever kept to roll back to. */
const mostReleases = 50;

export function momentRules(config: Config, { input }: ModelCard): MomentRules {
  // Windows touch unless the source says otherwise.
  const windowSeconds = input.kind === 'sensor' ? input.samples / input.sampleRate : 0;
  const gaps = new Map(
    config.sources.flatMap((source) =>
      source.kind === 'sensor' ? [[source.name, windowGap * (source.everySeconds ?? windowSeconds) * 1000] as const] : [],
    ),
  );
  const separate = config.sources.flatMap(({ kind, name }) => (kind === 'folder' || kind === 'microphone' ? [name] : []));
  return { burstMs: (source) => Math.max(burstMs, gaps.get(source) ?? 0), separate, distance: config.duplicates.distance };
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
