// The composition root of `whet run`: opens the parts in order, joins them, waits for the end, and stops them in reverse. Fatal are only
// configuration, model and state directory; a source or a broker that is away is not.
import { readFileSync, statSync } from 'node:fs';
import { matchLabel } from './adapt/class-folders.ts';
import { createSource } from './capture/create.ts';
import type { Source } from './capture/source.ts';
import { machineClock } from './clock.ts';
import { createCollect } from './collect.ts';
import { classNames } from './config/labels.ts';
import type { Config } from './config/resolve.ts';
import { createAnnouncer } from './device/announcer.ts';
import { assemble } from './device/assemble.ts';
import { collectPorts } from './device/collecting.ts';
import { commandHandlers } from './device/command-handlers.ts';
import { createControlServer } from './device/control-server.ts';
import type { Device, SourceState } from './device/device.ts';
import { createOperations, isPaused, purgeTainted } from './device/operations.ts';
import { reembed } from './device/reembed.ts';
import { uplinkConfig } from './device/uplink-config.ts';
import { createViewKeeper } from './device/view-keeper.ts';
import { localOffset } from './engine/calendar.ts';
import { createScheduler } from './engine/scheduler.ts';
import { messageOf } from './errors.ts';
import { readHardware } from './host/hardware.ts';
import { type Health, readHealth } from './host/health.ts';
import { createMachineFiles } from './host/machine-files.ts';
import { createNotify } from './host/notify.ts';
import { createWatchdog } from './host/watchdog.ts';
import { createInference } from './inference/inference.ts';
import type { Log } from './log.ts';
import { captureKind, viewCount } from './preprocess/capture-input.ts';
import { createVoiceActivity } from './preprocess/voice-activity.ts';
import { createJobs } from './training/jobs.ts';
import type { Capture, TrainingReport } from './types.ts';
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
  await purgeTainted(store, releases);

  const current = await currentRelease();
  const inference = createInference(
    { modelPath: config.model, cut: config.cut, input: card.input, threads: config.threads, baseLabels: card.labels, release: current },
    log,
  );
  parts.defer(() => inference.stop());
  const facts = await inference.start();
  const baseClasses = classNames(card.labels, facts.classes);

  let uplink: Uplink | null = null;
  const file = statSync(config.model);
  const base = {
    ...{ name: card.name, sha256: facts.sha256, backbone: facts.backbone, cut: facts.cut, classes: baseClasses },
    ...{ bytes: file.size, createdAtMs: file.mtimeMs },
  };
  const uplinkParts = { outbox: store.outbox, commandLog: store.commands, log, clock };
  const jobs = createJobs({
    ...{ config, card, baseClasses, database: places.database, candidates: places.candidates, store, releases, clock, log },
    prepare: (signal) => viewKeeper.settled(signal),
    use: (release) => inference.swap(release),
    reported(report) {
      announcer.reported(report);
      store.settings.set(reportedSetting, report.run);
    },
    async released() {
      await announceRelease(true);
    },
    progressed: (run, done, total, what) => announcer.progressed(run, done, total, what),
  });
  parts.defer(() => jobs.stop());

  const viewKeeper = createViewKeeper({
    ...{ store, backbone: facts.backbone, log },
    embedViews: (raw) => inference.views(raw, viewCount(card.input, 1)),
  });
  parts.defer(() => viewKeeper.stop());
  const labelsChanged = () => {
    viewKeeper.wake();
    scheduler.wake();
  };

  const scheduler = createScheduler(config.training.schedule, {
    facts: () => ({
      paused: isPaused(store),
      training: jobs.running,
      newLabels: store.labels.newSince({ run: store.runs.lastFinished()?.id ?? null }),
      minNewLabels: config.training.minNewLabels,
      thermalHeadroomC: health?.thermal?.headroomC ?? null,
    }),
    train: (reason) => jobs.train(reason),
    log,
    clock: { ...clock, offsetMinutes: localOffset },
  });
  const surroundings = {
    isClass,
    captures: captureKind(card.input),
    sensor: card.input.kind === 'sensor' ? card.input : null,
    createSegmenter: (sampleRate: number) => createVoiceActivity({ sampleRate }),
  };
  const sources = config.sources.map((source) => createSource(source, surroundings));
  const device: Device = createOperations({
    ...{ config, card, store, releases, jobs, clock },
    async switched() {
      await inference.swap(await jobs.current());
      await announceRelease(true);
    },
    changed: labelsChanged,
    live: { sinceMs, decision: () => scheduler.decision, sources: () => sources.map(stateOf), mqtt: mqttState },
    close: async () => {},
  });
  if (config.mqtt !== null) {
    const handlers = commandHandlers({
      device,
      snapshot: async () => ({ version: await releases.current(), chunks: await announceRelease(true) }),
      deploy: async (payload, stop) => {
        if (uplink === null) throw new Error('no uplink');
        const { deploy } = await import('./device/deploy.ts');
        return deploy({ modelPath: config.model, card, base, releases, jobs }, await uplink.deployedWeights(payload, stop));
      },
    });
    uplink = createUplink(uplinkConfig(config, config.mqtt), { ...uplinkParts, handlers });
    parts.defer(() => uplink?.stop());
  }
  const announcer = createAnnouncer(config.device, version(), facts.runtime, base, uplink, (release) => releases.directory(release));

  const control = createControlServer(places.socket, device, log);
  await control.start();
  parts.defer(() => control.stop());

  const machine = createMachineFiles();
  const hardware = await readHardware(machine, facts.providers);
  for (const warning of hardware.warnings) log.warn(warning);
  let health: Health | null = null;
  const sweep = async () => {
    health = await readHealth({ files: machine, stateDir: places.state });
    announcer.health(health, degraded());
  };
  await sweep();
  const sweeping = setInterval(() => void sweep(), healthEveryMs);
  parts.defer(() => clearInterval(sweeping));

  uplink?.start();
  await announceRelease(false);
  announceMissedReport();

  const collect = createCollect(collectPorts(config, store, inference, facts.backbone, announcer, clock), config.queries.below, log, clock);
  const emit = async (capture: Capture) => {
    await collect.take(capture);
    if (capture.label !== undefined) labelsChanged();
  };
  const context = { emit, seen: store.origins.seen, log, clock };
  for (const source of sources) {
    await source.start(context);
    parts.defer(() => source.stop());
  }
  const stopping = new AbortController();
  const embedding = reembed(store, inference, facts.backbone, log, stopping.signal)
    .then(() => viewKeeper.wake())
    .catch((error) => log.error({ error: messageOf(error) }, 'embedding again failed'));
  parts.defer(() => embedding.then(() => undefined));
  parts.defer(() => stopping.abort());
  scheduler.start();
  parts.defer(() => scheduler.stop());
  const watchdog = createWatchdog([{ name: 'inference', isAlive: inference.isAlive }], notify, log);
  watchdog.start();
  parts.defer(() => watchdog.stop());
  await notify.ready(`release ${current.version}, ${sources.length} sources`);
  log.info(
    {
      device: config.device,
      model: card.name,
      release: current.version,
      cut: facts.cut,
      readyMs: Math.round(clock.monotonicMs() - sinceMs),
    },
    'ready',
  );

  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  log.info({ reason: String(signal.reason) }, 'stopping');
  await notify.stopping('stopping');

  async function currentRelease() {
    const name = await releases.current();
    if (name === 'base') return { version: name, artifact: null, classes: card.labels };
    const manifest = await releases.verify(name);
    return { version: name, artifact: `${releases.directory(name)}/${manifest.artifact.file}`, classes: manifest.classes };
  }

  async function announceRelease(chunks: boolean): Promise<number> {
    const { version: name, classes } = await jobs.current();
    announcer.info(await readHardware(machine, facts.providers), name, classes);
    return announcer.model(name === 'base' ? null : await releases.verify(name), chunks);
  }

  /** A run that the command line made while no daemon ran. */
  function announceMissedReport(): void {
    const report: TrainingReport | null = store.runs.lastFinished()?.report ?? null;
    if (report === null || uplink === null || store.settings.get(reportedSetting) === report.run) return;
    store.transaction(() => {
      announcer.reported(report);
      store.settings.set(reportedSetting, report.run);
    });
  }

  /** A subfolder is a label where it is a class of the model, or where new classes may come. */
  function isClass(name: string): boolean {
    return config.classes !== 'keep' || matchLabel(name, baseClasses) !== null;
  }

  function degraded(): readonly string[] {
    const broken = sources
      .filter((source) => source.status().state === 'degraded')
      .map((source) => `source ${source.name}: ${source.status().lastError ?? 'degraded'}`);
    return inference.isUp() && inference.isAlive() ? broken : [...broken, 'inference: the worker is down and is started again'];
  }

  function mqttState() {
    if (uplink === null) return null;
    const { connected, waiting, dropped, failure } = uplink.counters;
    return { connected, waiting, dropped, failure };
  }
}

function stateOf(source: Source): SourceState {
  return { name: source.name, kind: source.kind, ...source.status() };
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
}
