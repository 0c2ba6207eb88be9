// Which release should be current, decided on the ledger alone: activated, rolled back, failed, purged. Pure: takes ledgers, gives ledgers
// and versions. The last entry of the trail is the current release; below the trail lies 'base'.
import type { Ledger, ReleaseHealth } from './ledger.ts';

export function healthOf(ledger: Ledger, version: string): ReleaseHealth['state'] | 'untried' {
  return version === 'base' ? 'healthy' : (ledger.health[version]?.state ?? 'untried');
}

export function currentOf(ledger: Ledger): string {
  return ledger.trail.at(-1) ?? 'base';
}

/** On the trail once more; a version that never passed its first health check has it before it. */
export function activated(ledger: Ledger, version: string): Ledger {
  if (version === currentOf(ledger)) return ledger;
  const trail = [...ledger.trail, version];
  return healthOf(ledger, version) === 'healthy' ? { ...ledger, trail } : withHealth({ ...ledger, trail }, version, 'pending', null);
}

export function withHealth(ledger: Ledger, version: string, state: ReleaseHealth['state'], reason: string | null): Ledger {
  return { ...ledger, health: { ...ledger.health, [version]: { state, reason: reason?.slice(0, 2000) ?? null } } };
}

/** Versions below the current one that may be gone back to, nearest first; always ends with 'base'. */
export function rollbackTargets(ledger: Ledger): readonly string[] {
  const current = currentOf(ledger);
  const usable = ledger.trail.slice(0, -1).filter((version) => version !== current && healthOf(ledger, version) === 'healthy');
  return [...new Set(['base', ...usable].reverse())];
}

/** Back at `version`: what was current after it is off the trail. */
export function rolledBack(ledger: Ledger, version: string): Ledger {
  const below = ledger.trail.slice(0, -1);
  const at = below.lastIndexOf(version);
  if (at >= 0) return { ...ledger, trail: below.slice(0, at + 1) };
  return version === 'base' ? { ...ledger, trail: [] } : activated(ledger, version);
}

/** As if these had never been; their numbers stay taken. */
export function without(ledger: Ledger, versions: readonly string[]): Ledger {
  const health = Object.fromEntries(Object.entries(ledger.health).filter(([version]) => !versions.includes(version)));
  const trail = ledger.trail.filter((version, index, all) => !versions.includes(version) && version !== all[index - 1]);
  return { ...ledger, trail, health };
}

/** The link is what counts: a crash between ledger and link left the ledger one step ahead. */
export function reconciled(ledger: Ledger, current: string): Ledger {
  const at = ledger.trail.lastIndexOf(current);
  const trail = at >= 0 ? ledger.trail.slice(0, at + 1) : current === 'base' ? [] : [...ledger.trail, current];
  // Written ahead of a switch that never happened.
  const pending = Object.keys(ledger.health).filter((version) => version !== current && ledger.health[version]?.state === 'pending');
  return { ...ledger, trail, health: Object.fromEntries(Object.entries(ledger.health).filter(([version]) => !pending.includes(version))) };
}
