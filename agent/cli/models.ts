// `whet models`: the releases on a device → text.
import type { Value } from '../operations/table.ts';
import { ago, bytes, proportion, table } from './text.ts';

export function formatReleases(list: Value<'releases'>): string {
  if (list.releases.length === 0) return 'No release yet: the base model is current.';
  const rows = list.releases.map((release) => [
    release.version === list.current ? '*' : '',
    release.version,
    ago(release.createdAtMs, Date.now()),
    release.origin,
    release.health,
    String(release.classes.length),
    bytes(release.artifact.bytes),
    proportion(release.scores.after),
  ]);
  const base = list.current === 'base' ? '\n* the base model is current' : '';
  return `${table([['', 'version', 'when', 'origin', 'health', 'classes', 'size', 'held-out accuracy'], ...rows])}${base}`;
}
