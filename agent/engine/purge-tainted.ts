// After samples were forgotten: the releases that learned from them go, and a training without them is owed where one of those predicted.
import type { Releases } from '../release/releases.ts';
import type { Store } from '../store/store.ts';
import { oweTraining } from '../training/owed.ts';

/**
 * Removes the releases that learned from forgotten samples; `hit`: the current one was among them, and a training without them is owed. Safe to
 * repeat after a crash.
 */
export async function purgeTainted(
  store: Store,
  releases: Releases,
): Promise<{ readonly purged: readonly string[]; readonly hit: boolean }> {
  // A run that is under way takes its release back itself, when it finds that it was tainted.
  const runs = store.runs.tainted().filter((run) => store.runs.get(run)?.state !== 'running');
  if (runs.length === 0) return { purged: [], hit: false };
  const { current, releases: all } = await releases.list();
  const versions = all.filter(({ run }) => run !== null && runs.includes(run)).map(({ version }) => version);
  const lost = all.find(({ version }) => version === current && versions.includes(version));
  if (lost !== undefined) {
    const { roomBytes } = lost;
    oweTraining(store.settings, { reason: 'samples were forgotten', unlearning: roomBytes === undefined ? {} : { roomBytes } });
  }
  const { removed } = await releases.purge(versions);
  for (const run of runs) store.runs.purged(run);
  return { purged: removed, hit: lost !== undefined };
}
