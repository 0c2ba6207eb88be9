// The device's releases: added, activated, watched through their first health check, rolled back, pruned, purged. Takes the directory
// `<state>/releases`; every step leaves the old or the new release current, whenever the power goes. Calls are carried out one by one.
import { join } from 'node:path';
import { messageOf, WhetError } from '../errors.ts';
import type { Clock, ReleaseManifest } from '../types.ts';
import { type ReleaseFiles, readPart, writeRelease } from './artifact.ts';
import { readCurrent, writeCurrent } from './current.ts';
import { makeDirectory, removeDirectory, removeLeftovers } from './durable.ts';
import { type Ledger, readLedger, writeLedger } from './ledger.ts';
import { activated, currentOf, healthOf, reconciled, rollbackTargets, rolledBack, withHealth, without } from './swap.ts';
import { listVersions, nameOfVersion, numberOf, prunable, verifyRelease, versionNames } from './versions.ts';

export interface Switched {
  readonly previous: string;
  readonly current: string;
}

export interface ReleasesStart {
  readonly current: string;
  /** The release that was current and cannot be used; null where all was well. */
  readonly rolledBack: { readonly from: string; readonly reason: string } | null;
  readonly leftovers: number;
}

export interface ReleaseList {
  readonly current: string;
  readonly releases: readonly (ReleaseManifest & { readonly health: string })[];
  readonly broken: readonly { readonly version: string; readonly reason: string }[];
}

export interface Releases {
  /** Removes leftovers; rolls back a current release that is damaged, failed, or was in its first health check when the device stopped, twice. */
  start(): Promise<ReleasesStart>;
  current(): Promise<string>;
  /** Directory of a release's files. */
  directory(version: string): string;
  list(): Promise<ReleaseList>;
  /** A part of its weights as they are published; null where the release is gone, empty past the end. */
  readDelta(version: string, offset: number, length: number): Promise<Uint8Array | null>;
  /** Every file held against the manifest; throws `release-unknown`, `release-invalid`. */
  verify(version: string): Promise<ReleaseManifest>;
  /** Writes a new release under the next number; it is not current yet. */
  add(facts: Omit<ReleaseManifest, 'version' | 'createdAtMs'>, files: ReleaseFiles): Promise<ReleaseManifest>;
  /** Makes it current. Until `confirm`, a second crash rolls it back at the next start. */
  activate(version: string): Promise<Switched>;
  /** It passed its first health check. */
  confirm(version: string): Promise<void>;
  /** It did not: never chosen by itself again, and rolled back where it is current. */
  fail(version: string, reason: string): Promise<Switched>;
  /** To a named version (or 'base'), or to the nearest healthy one before the current. */
  rollback(version?: string): Promise<Switched>;
  /** Keeps the current one, the one before it, and the newest `keep` others; gives the removed versions. */
  prune(keep: number): Promise<readonly string[]>;
  /** Removes releases for good (unlearning); rolls back first where one of them is current. */
  purge(versions: readonly string[]): Promise<Switched & { readonly removed: readonly string[] }>;
}

const stopped = 'the device stopped during its first health check';

export function createReleases(root: string, clock: Clock): Releases {
  let last: Promise<unknown> = Promise.resolve();
  /** One after the other, so that no two changes of ledger and link interleave. */
  function exclusive<T>(work: () => Promise<T>): Promise<T> {
    const next = last.then(work, work);
    last = next.catch(() => undefined);
    return next;
  }

  async function load(): Promise<Ledger> {
    const current = await readCurrent(root);
    const ledger = (await readLedger(root)) ?? { lastNumber: 0, trail: [], health: {} };
    return reconciled(ledger, current);
  }

  /** The ledger first: `reconciled` understands a link that is one step behind. */
  async function commit(before: Ledger, after: Ledger): Promise<Switched> {
    const [previous, current] = [currentOf(before), currentOf(after)];
    await writeLedger(root, after);
    if (previous !== current) await writeCurrent(root, current);
    return { previous, current };
  }

  /** The nearest version below that verifies; 'base' always does. */
  async function fallBack(ledger: Ledger): Promise<Ledger> {
    for (const target of rollbackTargets(ledger)) {
      if (target === 'base' || (await usable(target))) return rolledBack(ledger, target);
    }
    return rolledBack(ledger, 'base');
  }

  const usable = (version: string) =>
    verifyRelease(root, version).then(
      () => true,
      () => false,
    );

  async function problemOf(ledger: Ledger): Promise<string | null> {
    const current = currentOf(ledger);
    if (current === 'base') return null;
    if (healthOf(ledger, current) === 'pending' && ledger.health[current]?.reason === stopped) return `${stopped} twice`;
    if (healthOf(ledger, current) === 'failed') return ledger.health[current]?.reason ?? 'it failed its health check';
    return verifyRelease(root, current).then(() => null, messageOf);
  }

  async function remove(ledger: Ledger, versions: readonly string[]): Promise<readonly string[]> {
    if (versions.length === 0) return [];
    const names = await versionNames(root);
    const lastNumber = Math.max(ledger.lastNumber, ...names.map(numberOf));
    // Off the trail before they are gone, and their numbers stay taken.
    await writeLedger(root, { ...without(ledger, versions), lastNumber });
    const gone = versions.filter((version) => names.includes(version));
    for (const version of gone) await removeDirectory(join(root, version));
    return gone;
  }

  return {
    start: () =>
      exclusive(async () => {
        await makeDirectory(root);
        const leftovers = (await removeLeftovers(root)).length;
        const before = await load();
        const from = currentOf(before);
        const reason = await problemOf(before);
        // A power cut is no fault of the release; that it comes twice at this moment is. Written down before it is tried again.
        if (reason === null && healthOf(before, from) === 'pending') await writeLedger(root, withHealth(before, from, 'pending', stopped));
        if (reason === null) return { current: from, rolledBack: null, leftovers };
        const { current } = await commit(before, await fallBack(withHealth(before, from, 'failed', reason)));
        return { current, rolledBack: { from, reason }, leftovers };
      }),
    current: () => readCurrent(root),
    directory: (version) => join(root, version),
    async list() {
      const [ledger, { manifests, broken }] = [await load(), await listVersions(root)];
      const releases = manifests.map((manifest) => ({ ...manifest, health: healthOf(ledger, manifest.version) }));
      return { current: currentOf(ledger), releases, broken };
    },
    readDelta: (version, offset, length) => readPart(root, version, 'delta', offset, length),
    verify: (version) => verifyRelease(root, version),
    add: (facts, files) =>
      exclusive(async () => {
        await makeDirectory(root);
        const names = await versionNames(root);
        const number = Math.max((await load()).lastNumber, ...names.map(numberOf)) + 1;
        const manifest = { version: nameOfVersion(number, facts.artifact.sha256), createdAtMs: clock.now(), ...facts };
        await writeRelease(root, manifest, files);
        return manifest;
      }),
    activate: (version) =>
      exclusive(async () => {
        await verifyRelease(root, version);
        const ledger = await load();
        return commit(ledger, activated(ledger, version));
      }),
    confirm: (version) =>
      exclusive(async () => {
        const ledger = await load();
        if (healthOf(ledger, version) === 'pending') await writeLedger(root, withHealth(ledger, version, 'healthy', null));
      }),
    fail: (version, reason) =>
      exclusive(async () => {
        const ledger = await load();
        const failed = withHealth(ledger, version, 'failed', reason);
        return commit(ledger, currentOf(ledger) === version ? await fallBack(failed) : failed);
      }),
    rollback: (version) =>
      exclusive(async () => {
        const ledger = await load();
        if (version === undefined) {
          if (currentOf(ledger) === 'base') {
            throw new WhetError('release-unknown', 'the base model is current; there is nothing before it', {
              hint: 'Name a version: see `whet models`.',
            });
          }
          return commit(ledger, await fallBack(ledger));
        }
        if (version !== 'base') await verifyRelease(root, version);
        return commit(ledger, version === currentOf(ledger) ? ledger : rolledBack(ledger, version));
      }),
    prune: (keep) =>
      exclusive(async () => {
        const ledger = await load();
        const kept = [currentOf(ledger), rollbackTargets(ledger)[0]!];
        return remove(ledger, prunable(await versionNames(root), kept, keep));
      }),
    purge: (versions) =>
      exclusive(async () => {
        const before = await load();
        const rest = without({ ...before, trail: before.trail.slice(0, -1) }, versions);
        const hit = versions.includes(currentOf(before));
        const after = hit ? await fallBack({ ...rest, trail: [...rest.trail, currentOf(before)] }) : before;
        const switched = await commit(before, after);
        return { ...switched, removed: await remove(after, versions) };
      }),
  };
}
