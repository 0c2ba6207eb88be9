// The one way by which a release becomes the one that predicts: compatible → verified → current → used → confirmed, or back to what was; then
// the oldest go and everybody is told. Training, deployment, rollback, forgetting and start all go this way, one after the other: who calls
// sees to the queue. Refuses (`release-invalid`) a tail that was cut elsewhere or from another backbone.
import { join } from 'node:path';
import { isDiskFull, messageOf, WhetError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { BaseFacts, ReleaseManifest, TailChoice } from '../types.ts';
import type { Releases, Switched } from './releases.ts';

export interface ActivationPorts {
  readonly releases: Releases;
  readonly base: Pick<BaseFacts, 'backbone' | 'cut' | 'classes'>;
  /** Releases kept beside the current one and the one before it. */
  readonly keep: number;
  readonly log: Log;
  /** Makes a release predict; throws where it cannot. Its first health check. */
  use(choice: TailChoice): Promise<void>;
  /** Another release predicts now. */
  changed(version: string): Promise<void>;
  /** The current release cannot predict, and another is about to take its place: what follows from that is written down first, or the place is not taken. */
  leaving?(version: string, reason: string): void;
}

export interface Activation {
  /** What predicts, as the inference worker wants it. */
  current(): Promise<TailChoice>;
  /** A release on the disk, verified and compatible, as the inference worker wants it. */
  choiceOf(version: string): Promise<TailChoice>;
  /** A release that is on the disk. */
  activate(version: string): Promise<void>;
  /** To a named version (or 'base'), or to the nearest healthy one before the current. */
  goBack(version?: string): Promise<Switched>;
  /** The current one predicts, after it was changed on the disk. */
  useCurrent(): Promise<void>;
  /** At start: as `useCurrent`, and where the current one does not fit the base model any more, the newest that does, or the base itself. */
  start(): Promise<Started>;
  /** Removes what retention no longer keeps. */
  prune(): Promise<void>;
}

export interface Started {
  readonly current: string;
  /** Why the release that was current does not predict any more; null where it does. */
  readonly leftBehind: string | null;
}

export function createActivation({ releases, base, keep, log, use, changed, leaving }: ActivationPorts): Activation {
  async function choiceOf(version: string): Promise<TailChoice> {
    if (version === 'base') return { version, artifact: null, classes: base.classes };
    const manifest = await releases.verify(version);
    requireCompatible(manifest, base);
    return { version, artifact: join(releases.directory(version), manifest.artifact.file), classes: manifest.classes };
  }

  const current = async () => choiceOf(await releases.current());

  async function prune(): Promise<void> {
    // What predicts is settled, whatever comes of tidying up.
    const removed = await releases.prune(keep).catch((error: unknown) => {
      log.error({ error: messageOf(error) }, 'old releases could not be removed');
      return [];
    });
    if (removed.length > 0) log.info({ removed }, 'old releases removed');
  }

  async function fallBack(version: string, before: string, error: unknown): Promise<void> {
    const reason = messageOf(error);
    const { current: back } = await releases.fail(version, reason);
    log.error({ release: version, back, error: reason }, 'a release failed its first health check and was rolled back');
    if (back !== before) log.warn({ back, before }, 'the release before it is not the one that is current now');
    await use(await choiceOf(back));
  }

  /** What predicts is settled: a full disk only puts off that it is written down, until the next start. */
  async function unlessFull(write: () => Promise<unknown>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      log.error({ error: messageOf(error) }, 'the disk is full: what predicts now could not be written down');
    }
  }

  /** What follows from leaving is written down first, or the next start finds it again. */
  async function takeOver(left: string, reason: string, version: string): Promise<void> {
    await unlessFull(async () => {
      leaving?.(left, reason);
      await releases.rollback(version);
    });
  }

  return {
    current,
    choiceOf,
    prune,
    async activate(version) {
      await choiceOf(version);
      const { previous } = await releases.activate(version);
      try {
        await use(await choiceOf(version));
      } catch (error) {
        await fallBack(version, previous, error);
        throw error;
      }
      await releases.confirm(version);
      await prune();
      await changed(version);
    },
    async goBack(version) {
      if (version !== undefined) await choiceOf(version);
      const switched = await releases.rollback(version);
      try {
        await use(await current());
      } catch (error) {
        // Where it came from still works.
        if (switched.previous === 'base') await releases.rollback('base');
        else await releases.activate(switched.previous);
        await use(await current());
        throw error;
      }
      await releases.confirm(switched.current);
      await changed(switched.current);
      return switched;
    },
    async useCurrent() {
      const choice = await current();
      await use(choice);
      await changed(choice.version);
    },
    async start() {
      const version = await releases.current();
      const leftBehind = await choiceOf(version)
        .then(use)
        .then(() => null, messageOf);
      if (leftBehind === null) {
        // It may have been in its first health check when the device stopped.
        await unlessFull(() => releases.confirm(version));
        return { current: version, leftBehind };
      }
      for (const { version: older, health } of (await releases.list()).releases.toReversed()) {
        if (older === version || health !== 'healthy') continue;
        try {
          await use(await choiceOf(older));
          await takeOver(version, leftBehind, older);
          return { current: older, leftBehind };
        } catch (error) {
          log.debug({ release: older, error: messageOf(error) }, 'an older release does not fit either');
        }
      }
      await use(await choiceOf('base'));
      await takeOver(version, leftBehind, 'base');
      return { current: 'base', leftBehind };
    },
  };
}

/** Features of another backbone, or of another place in it, are other features: a tail on them would answer nonsense, silently. */
function requireCompatible(manifest: ReleaseManifest, base: Pick<BaseFacts, 'backbone' | 'cut'>): void {
  const { backbone, cut } = manifest.base;
  if (backbone === base.backbone && cut === base.cut) return;
  const what =
    cut === base.cut
      ? `backbone ${backbone.slice(0, 8)}, and the model's is ${base.backbone.slice(0, 8)}`
      : `cut '${cut}', and the model is cut at '${base.cut}'`;
  throw new WhetError('release-invalid', `release ${manifest.version} belongs to ${what}`, {
    hint: 'It was trained for another base model, or for other layers. Labelled captures are embedded again and a new one is trained.',
  });
}
