// The device that a configuration names, for the command line: its running daemon through the socket, or its store and releases while none
// runs. Takes the path of the configuration (or none).
import { connect } from 'node:net';
import { machineClock } from './clock.ts';
import { findConfig, loadConfig } from './config/load.ts';
import type { Config } from './config/resolve.ts';
import { baseFacts } from './engine/base-facts.ts';
import { createEngine } from './engine/engine.ts';
import { placesOf } from './engine/places.ts';
import { openState } from './engine/state.ts';
import { WhetError } from './errors.ts';
import { createEvents } from './events.ts';
import { inferInProcess } from './inference/in-process.ts';
import { createLog } from './log.ts';
import { createControlClient } from './operations/control-client.ts';
import { type Device, localDevice } from './operations/table.ts';
import { createRuntime } from './runtime/runtime.ts';

export async function openDevice(named: string | undefined): Promise<Device> {
  const { config } = await loadConfig(await findConfig(named));
  const { socket } = placesOf(config);
  return (await isAnswered(socket)) ? createControlClient(socket) : openOffline(config);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

async function openOffline(config: Config): Promise<Device> {
  const clock = machineClock;
  // People read what the command prints; the log is for what they must not miss.
  const log = createLog('warn');
  await using opened = new AsyncDisposableStack();
  const state = await openState(config, log, clock);
  opened.defer(() => state.close());
  const { card } = state;
  const model = await inferInProcess(config.model, config.cut, card, createRuntime({ threads: config.threads }));
  opened.defer(() => model.close());
  const engine = createEngine({
    config,
    state,
    base: baseFacts(config.model, card, model.facts),
    clock,
    log,
    events: createEvents(log),
    use: model.use,
    embedViews: (raw, what) => model.embedViews(state.store.underWay, raw, what),
    infer: (bytes, what) => model.infer(state.store.underWay, bytes, what),
    answers: model.answers,
    // Captures of an earlier base model are embedded again by the daemon.
    embedded: async () => {},
    async receive() {
      throw new WhetError('daemon-unreachable', 'no daemon runs that could fetch weights from another device', {
        hint: 'Start `whet run`, or hand the weights over in the command.',
      });
    },
    // The daemon announces the current release and the last report when it starts.
    announce: async () => 0,
  });
  opened.defer(() => engine.stop());
  await engine.start();
  const open = opened.move();
  return localDevice({ ...engine.parts, live: null }, () => open.disposeAsync());
}
