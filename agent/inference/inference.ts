// The daemon's side of the inference worker: starts it, hands it captures, swaps its tail, and starts it again when it dies or hangs.
// Refuses captures while no worker is up (`inference-unavailable`): the collect loop counts and drops them.
import '../runtime/telemetry-off.ts';
import { Worker } from 'node:worker_threads';
import { type ErrorCode, errorRegistry, WhetError } from '../errors.ts';
import { entryPoint } from '../installation.ts';
import type { Log } from '../log.ts';
import type { Answer, Inferred, TailChoice } from '../types.ts';
import type { FromWorker, ModelFacts, ToWorker, WorkerSetup } from './protocol.ts';

/** A request that takes longer than this means that the worker hangs. MobileNetV2 takes a second on the slowest board we know. */
const hangMs = 60_000;
/** The worker makes a few short-lived arrays a picture: a large nursery only costs memory. */
const resourceLimits = { maxYoungGenerationSizeMb: 4 };
const firstRestartMs = 500;
const slowestRestartMs = 60_000;

export interface Inference {
  /** Resolves when the model is open; throws what the worker found wrong with it. */
  start(): Promise<ModelFacts>;
  infer(bytes: Uint8Array): Promise<Inferred>;
  /** Features of the capture as it might have been, at most `count` times. */
  views(bytes: Uint8Array, count: number): Promise<readonly Float32Array[]>;
  /** What a release says of each of these features; it does not predict by that. */
  answers(release: TailChoice, features: readonly Float32Array[]): Promise<readonly Answer[]>;
  /** Resolves when the next capture will be judged by the new tail. */
  swap(release: TailChoice): Promise<void>;
  stop(): Promise<void>;
  readonly restarts: number;
  /** A worker is there; false while one is being started again. */
  isUp(): boolean;
  /** true unless a request has waited longer than a worker may take. */
  isAlive(): boolean;
}

type Reply = Inferred | readonly Float32Array[] | readonly Answer[] | undefined;

interface Waiting {
  readonly since: number;
  resolve(value: Reply): void;
  reject(error: WhetError): void;
}

// The sibling file has the ending of this one: .ts when run from the source, .js when built.

export function createInference(setup: WorkerSetup, log: Log): Inference {
  let release: TailChoice = setup.release ?? { version: 'base', artifact: null, classes: [] };
  let worker: Worker | null = null;
  let stopping = false;
  let restarts = 0;
  let restartTimer: NodeJS.Timeout | undefined;
  let restartMs = firstRestartMs;
  let nextId = 1;
  const waiting = new Map<number, Waiting>();

  function launch(): Promise<ModelFacts> {
    return new Promise((resolve, reject) => {
      const started = new Worker(entryPoint('inference/worker'), {
        workerData: { ...setup, release } satisfies WorkerSetup,
        resourceLimits,
      });
      worker = started;
      started.on('message', (message: FromWorker) => {
        if (message.kind === 'ready') {
          restartMs = firstRestartMs;
          resolve(message.facts);
        } else if (message.kind === 'failed' && message.id === null) reject(toError(message));
        else settle(message);
      });
      started.on('error', (error) =>
        reject(new WhetError('inference-unavailable', `the inference worker failed: ${error.message}`, { cause: error })),
      );
      started.on('exit', (code) => {
        reject(new WhetError('inference-unavailable', `the inference worker ended with status ${code}`));
        if (worker === started) onExit(code);
      });
    });
  }

  function settle(message: Exclude<FromWorker, { kind: 'ready' }>): void {
    const request = message.id === null ? undefined : waiting.get(message.id);
    if (request === undefined || message.id === null) return;
    waiting.delete(message.id);
    if (message.kind === 'failed') request.reject(toError(message));
    else request.resolve(replyOf(message));
  }

  function onExit(code: number): void {
    worker = null;
    for (const request of waiting.values())
      request.reject(new WhetError('inference-unavailable', 'the inference worker ended while it worked on this'));
    waiting.clear();
    if (stopping) return;
    restarts += 1;
    log.error({ code, restarts, restartMs }, 'inference worker ended; starting it again');
    restartTimer = setTimeout(
      () => launch().catch((error: WhetError) => log.error({ error: error.message }, 'inference worker did not start')),
      restartMs,
    );
    restartMs = Math.min(restartMs * 2, slowestRestartMs);
  }

  function send(message: ToWorker, transfer: readonly ArrayBuffer[] = []): Promise<Reply> {
    const target = worker;
    if (target === null) return Promise.reject(new WhetError('inference-unavailable', 'the inference worker is being started again'));
    return new Promise((resolve, reject) => {
      waiting.set(message.id, { since: performance.now(), resolve, reject });
      target.postMessage(message, transfer);
    });
  }

  /** A worker that died says nothing about the release: the next one opens it, now, or says what is wrong with it. */
  async function relaunch(wanted: TailChoice): Promise<void> {
    if (stopping) throw new WhetError('inference-unavailable', 'the inference worker is being stopped');
    clearTimeout(restartTimer);
    const before = release;
    release = wanted;
    try {
      await launch();
    } catch (error) {
      release = before;
      throw error;
    }
  }

  const oldestWaitMs = () => performance.now() - Math.min(performance.now(), ...[...waiting.values()].map((request) => request.since));
  const hangTimer = setInterval(() => {
    if (oldestWaitMs() < hangMs || worker === null) return;
    log.error({ hangMs }, 'the inference worker hangs; ending it');
    void worker.terminate();
  }, 5_000).unref();

  return {
    start: launch,
    async infer(bytes) {
      // A copy of its own, because transferring takes the bytes away from whoever still wants to store them.
      const own = new Uint8Array(bytes);
      return (await send({ kind: 'infer', id: nextId++, bytes: own }, [own.buffer])) as Inferred;
    },
    async views(bytes, count) {
      const own = new Uint8Array(bytes);
      return (await send({ kind: 'views', id: nextId++, bytes: own, count }, [own.buffer])) as readonly Float32Array[];
    },
    async answers(release, features) {
      return (await send({ kind: 'answers', id: nextId++, release, features })) as readonly Answer[];
    },
    async swap(wanted) {
      if (worker === null) return relaunch(wanted);
      try {
        await send({ kind: 'swap', id: nextId++, release: wanted });
        release = wanted;
      } catch (error) {
        if (worker !== null) throw error;
        await relaunch(wanted);
      }
    },
    async stop() {
      stopping = true;
      clearInterval(hangTimer);
      clearTimeout(restartTimer);
      await worker?.terminate();
    },
    get restarts() {
      return restarts;
    },
    isUp: () => worker !== null,
    isAlive: () => oldestWaitMs() < hangMs,
  };
}

function replyOf(message: Exclude<FromWorker, { kind: 'ready' | 'failed' }>): Reply {
  switch (message.kind) {
    case 'inferred':
      return message.inferred;
    case 'views':
      return message.views;
    case 'answers':
      return message.answers;
    case 'swapped':
      return undefined;
  }
}

function toError(message: Extract<FromWorker, { kind: 'failed' }>): WhetError {
  const code = message.code in errorRegistry ? (message.code as ErrorCode) : 'internal';
  return new WhetError(code, message.message, message.hint === null ? {} : { hint: message.hint });
}
