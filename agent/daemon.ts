// The composition root of `whet run`: opens the parts in order, joins them, waits for the end, and stops them in reverse. Fatal are only
// configuration, model and state directory; a source or a broker that is away is not.
import { statSync } from 'node:fs';
import { createSource } from './capture/kinds.ts';
import { machineClock } from './clock.ts';
import { captureKind } from './config/card.ts';
import { matchLabel } from './config/class-names.ts';
import { classNames } from './config/labels.ts';
import type { Config } from './config/resolve.ts';
import { assemble } from './engine/assemble.ts';
import { localOffset } from './engine/calendar.ts';
import { createCollect } from './engine/collect.ts';
import { collectPorts } from './engine/collecting.ts';
import { createEngine, type Engine } from './engine/engine.ts';
import { createReembedding } from './engine/reembed.ts';
import { createScheduler } from './engine/scheduler.ts';
import { joinSources } from './engine/sources.ts';
import { unlessFull } from './engine/unless-full.ts';
import { messageOf, WhetError } from './errors.ts';
import { readHardware } from './host/hardware.ts';
import { type Health, readHealth } from './host/health.ts';
import { createMachineFiles } from './host/machine-files.ts';
import { createNotify } from './host/notify.ts';
import { createWatchdog, type WatchedPart } from './host/watchdog.ts';
import { createInference } from './inference/inference.ts';
import { version } from './installation.ts';
import type { Log } from './log.ts';
import { createControlServer } from './operations/control-server.ts';
import type { LinkState } from './operations/parts.ts';
import { isPaused } from './operations/pause.ts';
import { isOperation, operations, runOperation } from './operations/table.ts';
import { createMqttOutlet } from './outlets/mqtt.ts';
import { uplinkConfig } from './outlets/uplink-config.ts';
import { viewCount } from './preprocess/capture-input.ts';
import { createVoiceActivity } from './preprocess/voice-activity.ts';
import type { Store } from './store/store.ts';
import { classes } from './tasks/classes.ts';
import { type OwedTraining, owedTraining, oweTraining } from './training/owed.ts';
import type { BaseFacts, Capture } from './types.ts';
import { createUplink, type Uplink } from './uplink/uplink.ts';

const healthEveryMs = 30_000;
const reportedSetting = 'report.enqueued';

/** Runs until the signal; resolves when everything has stopped. */
export async function runDaemon(config: Config, log: Log, signal: AbortSignal): Promise<void> {
  const clock = machineClock;
  const sinceMs = clock.monotonicMs();
  const notify = createNotify(log);
  await using parts = new AsyncDisposableStack();

  const assembly = await assemble(config, log, clock);
  parts.defer(() => assembly.close());
  const { card, store, releases, places } = assembly;
  const { model: modelPath, cut, threads } = config;
  const inference = createInference({ modelPath, cut, input: card.input, threads, baseLabels: card.labels }, log);
  parts.defer(() => inference.stop());
  const facts = await inference.start();
  const file = statSync(config.model);
  const base: BaseFacts = {
    name: card.name,
    sha256: facts.sha256,
    backbone: facts.backbone,
    cut: facts.cut,
    classes: classNames(card.labels, facts.classes),
    bytes: file.size,
    createdAtMs: file.mtimeMs,
  };

  const machine = createMachineFiles();
  const hardware = await readHardware(machine, facts.providers);
  for (const warning of hardware.warnings) log.warn(warning);
  const allowed = config.mqtt?.commands ?? [];
  const uplink =
    config.mqtt === null
      ? null
      : createUplink(uplinkConfig(config, config.mqtt), {
          outbox: store.outbox,
          commandLog: store.commands,
          taken: { commands: operations, allowed },
          readWeights: (version, offset, length) => releases.readDelta(version, offset, length),
          log,
          clock,
        });
  const outlet =
    uplink === null
      ? null
      : createMqttOutlet({
          device: config.device,
          versions: { agent: version, runtime: facts.runtime },
          base,
          reports: uplink,
          releases,
          capabilities: allowed,
          hardware: () => readHardware(machine, facts.providers),
          lastReport: () => store.runs.lastFinished()?.report ?? null,
          log,
        });

  const reembedding = createReembedding({ store, inference, backbone: facts.backbone, log });
  parts.defer(() => reembedding.stop());
  const engine: Engine = createEngine({
    config,
    assembly,
    base,
    clock,
    log,
    use: (release) => inference.swap(release),
    embedViews: (raw) => inference.views(raw, viewCount(card.input, 1)),
    answers: (release, features) => inference.answers(release, features),
    embedded: (signal) => reembedding.settled(signal),
    announce: async () => (await outlet?.announceRelease(true)) ?? 0,
    async receive(source, stop) {
      if (uplink !== null) return uplink.remoteWeights(source, stop);
      throw new WhetError('usage', 'no broker is configured to fetch weights from', { hint: 'Hand the weights over in the command.' });
    },
    live: { sinceMs, decision: () => scheduler.decision, sources: () => sources.states(), mqtt: () => linkState(uplink) },
  });
  parts.defer(() => engine.stop());
  const { events, jobs } = engine;

  let health: Health | null = null;
  /** Why the release that was current at start does not predict; null where it does, or another one took its place. */
  let leftBehind: string | null = null;
  const scheduler = createScheduler(config.training.schedule, {
    facts: () => ({
      paused: isPaused(store),
      training: jobs.running,
      newLabels: store.labels.newSince({ run: store.runs.lastLearned() }),
      missing: missingOf(store),
      minNewLabels: config.training.minNewLabels,
      thermalHeadroomC: health?.thermal?.headroomC ?? null,
    }),
    train: (reason) => jobs.train(reason),
    log,
    clock: { ...clock, offsetMinutes: localOffset },
  });
  outlet?.listen(events);
  events.on((event) => {
    if (event.kind === 'labelled') scheduler.wake();
    if (event.kind === 'reported') store.settings.set(reportedSetting, event.report.run);
    if (event.kind !== 'released') return;
    leftBehind = null;
    log.info({ release: event.version }, 'another release predicts');
  });
  const made = config.sources.map((source) =>
    createSource(source, {
      isClass: (name) => classes.target(name) !== null && (config.classes !== 'keep' || isKnown(name)),
      isKnown,
      captures: captureKind(card.input),
      sensor: card.input.kind === 'sensor' ? card.input : null,
      createSegmenter: (sampleRate: number) => createVoiceActivity({ sampleRate }),
    }),
  );

  const sources = joinSources(made);
  const collect = createCollect(collectPorts(config, store, inference, facts.backbone, events, clock), config.queries.below, log, clock);
  // A source that is stuck is degraded; what ends this daemon, to be started again, is a loop that is.
  const loops: readonly WatchedPart[] = [
    { name: 'collect', isAlive: collect.isAlive },
    { name: 'schedule', isAlive: scheduler.isAlive },
    ...(uplink === null ? [] : [{ name: 'outbox', isAlive: uplink.isAlive }]),
  ];

  const started = await engine.start();
  leftBehind = started.leftBehind;
  if (leftBehind !== null) {
    log.error({ current: started.current, reason: leftBehind }, 'the current release cannot predict');
    await unlessFull(log, 'it is trained again in this life of the device, or after the next start', () =>
      oweTraining(store.settings, baseChanged),
    );
  }
  const control = createControlServer(places.socket, engine.parts, log);
  await control.start();
  parts.defer(() => control.stop());

  const degraded = () => [
    ...sources.degraded(),
    ...(inference.isUp() && inference.isAlive() ? [] : ['inference: the worker is down and is started again']),
    ...loops.filter((loop) => !loop.isAlive()).map(({ name }) => `${name}: makes no progress`),
    ...(leftBehind === null ? [] : [`release: ${leftBehind}; ${started.current} predicts`]),
  ];
  const sweep = async () => {
    health = await readHealth({ files: machine, stateDir: places.state });
    events.emit({ kind: 'health', health, degraded: degraded() });
  };
  await sweep();
  const sweeping = setInterval(() => void sweep(), healthEveryMs);
  parts.defer(() => clearInterval(sweeping));

  if (uplink !== null) {
    parts.defer(() => uplink.stop());
    uplink.start({
      run(type, args, context) {
        if (!isOperation(type)) throw new Error(`no operation '${type}'`);
        return runOperation(engine.parts, type, args, { by: 'mqtt', signal: context.signal });
      },
      forgotten: () => void outlet?.announceAll().catch((error) => log.error({ error }, 'what is retained could not be said again')),
    });
    await unlessFull(log, 'the release is announced at the next start', async () => outlet?.announceRelease(false));
    await unlessFull(log, 'the last report is told at the next start', () => announceMissedReport(engine));
  }

  const emit = async (capture: Capture) => {
    await collect.take(capture);
    if (capture.label !== undefined) engine.parts.changed();
  };
  parts.defer(() => sources.stop());
  await sources.start({ emit, seen: store.origins.seen, log, clock });

  reembedding.start().then(
    () => {
      engine.viewKeeper.wake();
      // A new base model is a normal event: what was learned for the one before is learned for this one.
      const owed = owedTraining(store.settings) ?? (leftBehind === null ? null : baseChanged);
      if (owed === null || jobs.running) return;
      const { reason, unlearning } = owed;
      jobs
        .train(reason, unlearning === null ? {} : { unlearning })
        .catch((error) => log.error({ error: messageOf(error) }, 'a training run failed'));
    },
    () => undefined,
  );
  scheduler.start();
  parts.defer(() => scheduler.stop());
  const watchdog = createWatchdog([{ name: 'inference', isAlive: inference.isAlive }, ...loops], notify, log);
  watchdog.start();
  parts.defer(() => watchdog.stop());
  await notify.ready(`release ${started.current}, ${made.length} sources`);
  const readyMs = Math.round(clock.monotonicMs() - sinceMs);
  log.info({ device: config.device, model: card.name, release: started.current, cut: facts.cut, readyMs }, 'ready');

  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  log.info({ reason: String(signal.reason) }, 'stopping');
  await notify.stopping('stopping');

  /** Whether a subfolder is named like a class of the model; where classes are replaced, all names are alike. */
  function isKnown(name: string): boolean {
    return config.classes === 'replace' || matchLabel(name, base.classes) !== null;
  }

  /** A run that the command line made while no daemon ran. */
  function announceMissedReport({ events }: Engine): void {
    const report = store.runs.lastFinished()?.report ?? null;
    if (report === null || store.settings.get(reportedSetting) === report.run) return;
    store.transaction(() => events.emit({ kind: 'reported', report }));
  }
}

/** A run that could not learn uses no labels up, and is not worth another try before the next label. */
function missingOf(store: Store): string | null {
  const last = store.runs.lastFinished();
  if (last?.report === null || last === null || last.report.learner !== null) return null;
  return store.labels.newSince({ run: last.id }) > 0 ? null : last.report.verdict.reason;
}

/** What the device owes where the current release does not fit the base model any more. */
const baseChanged: OwedTraining = { reason: 'the base model changed', unlearning: null };

function linkState(uplink: Uplink | null): LinkState | null {
  if (uplink === null) return null;
  const { connected, waiting, dropped, refused, failure } = uplink.counters;
  return { connected, waiting, dropped, refused, failure };
}
