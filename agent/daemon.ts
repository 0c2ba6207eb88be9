// The composition root of `whet run`: opens what the parts stand on, joins the parts, starts them in order, waits for the end, and stops them in
// reverse. Fatal are only configuration, model and state directory; a source or a broker that is away is not.
import { machineClock } from './clock.ts';
import type { Config } from './config/resolve.ts';
import { baseFacts } from './engine/base-facts.ts';
import { createCatchUp } from './engine/catch-up.ts';
import { createCollect } from './engine/collect.ts';
import { collectPorts } from './engine/collecting.ts';
import { createSources } from './engine/configured-sources.ts';
import { createEngine } from './engine/engine.ts';
import type { DeviceParts } from './engine/parts.ts';
import { createPulse } from './engine/pulse.ts';
import { createReembedding } from './engine/reembed.ts';
import type { Startable } from './engine/startable.ts';
import { type DeviceState, openState } from './engine/state.ts';
import { createTrainingSchedule } from './engine/training-schedule.ts';
import { createEvents, type Events } from './events.ts';
import { readHardware } from './host/hardware.ts';
import { createMachineFiles } from './host/machine-files.ts';
import { createNotify, type Notify } from './host/notify.ts';
import { createWatchdog, type WatchedPart } from './host/watchdog.ts';
import { createInference, type Inference } from './inference/inference.ts';
import type { ModelFacts } from './inference/protocol.ts';
import { version } from './installation.ts';
import type { Log } from './log.ts';
import { createControlServer } from './operations/control-server.ts';
import { operations, runCommand } from './operations/table.ts';
import { createMqttSide } from './outlets/mqtt-side.ts';
import { viewCount } from './preprocess/capture-input.ts';
import type { Capture } from './types.ts';

/** Whoever else wants to hear what happens. */
export interface Listening {
  listen(events: Events): void;
}

/** Runs until the signal; resolves when everything has stopped. */
export async function runDaemon(config: Config, log: Log, signal: AbortSignal, listeners: readonly Listening[] = []): Promise<void> {
  const sinceMs = machineClock.monotonicMs();
  const notify = createNotify(log);
  await using opened = new AsyncDisposableStack();
  const state = await openState(config, log, machineClock);
  opened.defer(() => state.close());
  const { model: modelPath, cut, threads } = config;
  const { input, labels } = state.card;
  const inference = createInference({ modelPath, cut, input, threads, baseLabels: labels }, log, state.store.underWay);
  opened.defer(() => inference.stop());
  const facts = await inference.start();

  const { inOrder, engine } = await join({ config, state, inference, facts, notify, sinceMs, listeners, log });
  for (const startable of inOrder) {
    opened.defer(async () => startable.stop());
    await startable.start();
  }
  const release = await state.releases.current();
  await notify.ready(`release ${release}, ${config.sources.length} sources`);
  const readyMs = Math.round(machineClock.monotonicMs() - sinceMs);
  log.info({ device: config.device, model: engine.parts.card.name, release, cut: facts.cut, readyMs }, 'ready');

  await aborted(signal);
  log.info({ reason: String(signal.reason) }, 'stopping');
  await notify.stopping('stopping');
}

interface Opened {
  readonly config: Config;
  readonly state: DeviceState;
  readonly inference: Inference;
  readonly facts: ModelFacts;
  readonly notify: Notify;
  readonly sinceMs: number;
  readonly listeners: readonly Listening[];
  readonly log: Log;
}

/** All parts joined, and the order in which they start. Nothing runs yet. */
async function join({ config, state, inference, facts, notify, sinceMs, listeners, log }: Opened) {
  const clock = machineClock;
  const { card, store, places } = state;
  const events = createEvents(log);
  for (const listener of listeners) listener.listen(events);
  const machine = createMachineFiles();
  const hardware = () => readHardware(machine, facts.providers);
  for (const warning of (await hardware()).warnings) log.warn(warning);
  const base = baseFacts(config.model, card, facts);
  const versions = { agent: version, runtime: facts.runtime };
  const mqtt = createMqttSide({ config, state, base, commands: operations, versions, hardware, events, clock, log });
  const reembedding = createReembedding({ store, inference, backbone: facts.backbone, log });
  const engine = createEngine({
    config,
    state,
    base,
    clock,
    log,
    events,
    use: (release) => inference.swap(release),
    embedViews: (raw, what) => inference.views(raw, viewCount(card.input, 1), what),
    infer: (bytes, what) => inference.infer(bytes, what),
    answers: (release, features) => inference.answers(release, features),
    embedded: (stop) => reembedding.settled(stop),
    announce: mqtt.announce,
    receive: mqtt.receive,
  });
  const collect = createCollect(collectPorts(config, store, inference, facts.backbone, events, clock), config.queries.below, log, clock);
  const emit = async (capture: Capture) => {
    await collect.take(capture);
    if (capture.label !== undefined) engine.parts.changed();
  };
  const sources = createSources(config, engine.parts, { emit, seen: store.origins.seen, clock, log });
  // A source that is stuck is degraded; what ends this daemon, to be started again, is a loop that is.
  const loops: readonly WatchedPart[] = [
    { name: 'collect', isAlive: collect.isAlive },
    { name: 'schedule', isAlive: () => schedule.isAlive() },
    { name: 'outbox', isAlive: mqtt.isAlive },
  ];
  const degraded = () => [
    ...sources.degraded(),
    ...(inference.isUp() && inference.isAlive() ? [] : ['inference: the worker is down and is started again']),
    ...loops.filter((loop) => !loop.isAlive()).map(({ name }) => `${name}: makes no progress`),
    ...engine.degraded(),
  ];
  const pulse = createPulse(machine, places.state, degraded, events);
  const schedule = createTrainingSchedule(engine.parts, pulse.headroomC, events, log);
  const live = { sinceMs, decision: () => schedule.decision, sources: sources.states, mqtt: mqtt.state };
  const device: DeviceParts = { ...engine.parts, live };
  const inOrder: readonly Startable[] = [
    engine,
    createControlServer(places.socket, device, log),
    pulse,
    { start: () => mqtt.start(runCommand(device)), stop: mqtt.stop },
    sources,
    createCatchUp(engine, reembedding, log),
    schedule,
    createWatchdog([{ name: 'inference', isAlive: inference.isAlive }, ...loops], notify, log),
  ];
  return { inOrder, engine };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
