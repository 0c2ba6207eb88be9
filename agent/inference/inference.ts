// The daemon's side of the inference worker: starts it, hands it captures, swaps its tail, and starts it again when it dies or hangs.
// Refuses captures while no worker is up (`inference-unavailable`): the collect loop counts and drops them.
import '../runtime/telemetry-off.ts';
import { Worker } from 'node:worker_threads';
import { errorCodeOf, messageOf, WhetError } from '../errors.ts';
import { entryPoint } from '../installation.ts';
import type { Log } from '../log.ts';
import type { UnderWay } from '../store/under-way.ts';
import type { Answer, Inferred, TailChoice } from '../types.ts';
import { decodeApart, setAside } from './apart.ts';
import type { Decoded, FromWorker, ModelFacts, ToWorker, WorkerSetup } from './protocol.ts';

/** A request that takes longer than this means that the worker hangs. MobileNetV2 takes a second on the slowest board we know. */
const hangMs = 60_000;
/**
 * The worker makes a few short-lived arrays a picture: a large nursery only costs memory. What it keeps lies outside the JavaScript heap; a capture
 * that fills that heap ends the worker, and not the daemon.
 */
const resourceLimits = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 256 };
const firstRestartMs = 500;
const slowestRestartMs = 60_000;

export interface Inference {
  /** Resolves when the model is open; throws what the worker found wrong with it. */
  start(): Promise<ModelFacts>;
  /** `what` it is called, where it comes again if a process dies over it. Throws `capture-set-aside` for what one died over. */
  infer(bytes: Uint8Array, what?: string): Promise<Inferred>;
  /** Features of the capture as it might have been, at most `count` times. */
  views(bytes: Uint8Array, count: number, what?: string): Promise<readonly Float32Array[]>;
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
  /** The capture that is decoded for it in the worker. */
  readonly what: string | undefined;
  resolve(value: Reply): void;
  reject(error: WhetError): void;
}

// The sibling file has the ending of this one: .ts when run from the source, .js when built.

/** `underWay` remembers what a process died over; without it nothing is remembered. */
export function createInference(setup: WorkerSetup, log: Log, underWay: UnderWay | null = null): Inference {
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
    const whats = [...waiting.values()].flatMap(({ what }) => (what === undefined ? [] : [what]));
    if (!stopping && whats.length > 0) note(() => underWay?.died(whats));
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

  /** A full disk hinders no decoding. */
  function note(write: () => void): void {
    try {
      write();
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'what is being decoded could not be written down');
    }
  }

  /** A capture for the worker: as it came, or decoded apart where a process died over it. */
  async function ask(bytes: Uint8Array, count: number, what: string | undefined, request: (capture: Uint8Array | Decoded) => ToWorker) {
    const course = what === undefined ? 'plain' : (underWay?.courseOf(what) ?? 'plain');
    if (what === undefined || underWay === null) {
      // A copy of its own, because transferring takes the bytes away from whoever still wants to store them.
      const own = new Uint8Array(bytes);
      return send(request(own), [own.buffer]);
    }
    if (course === 'aside') throw setAside('a process died over it before');
    if (worker === null) throw isAway();
    note(() => underWay.begin(what));
    let isDecoded = false;
    try {
      if (course === 'apart') {
        const decoded = await decodeApart(bytes, setup.input, count);
        isDecoded = decoded.kind === 'decoded' || decoded.kind === 'failed';
        if (decoded.kind === 'failed') throw toError(decoded);
        if (decoded.kind === 'absent') throw new WhetError('inference-unavailable', decoded.why);
        if (decoded.kind === 'decoded') return await send(request(decoded.decoded));
        note(() => underWay.setAside(what));
        log.error({ capture: what, why: decoded.why }, 'a capture ended the process that decoded it, again; it is set aside');
        throw setAside(decoded.why);
      }
      const own = new Uint8Array(bytes);
      return await send(request(own), [own.buffer], what);
    } finally {
      // What a process died over stays written down.
      if (underWay.courseOf(what) === 'plain' || isDecoded) underWay.finish(what);
    }
  }

  function send(message: ToWorker, transfer: readonly ArrayBuffer[] = [], what?: string): Promise<Reply> {
    const target = worker;
    if (target === null) return Promise.reject(isAway());
    return new Promise((resolve, reject) => {
      waiting.set(message.id, { since: performance.now(), what, resolve, reject });
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
    async infer(bytes, what) {
      return (await ask(bytes, 0, what, (capture) => ({ kind: 'infer', id: nextId++, capture }))) as Inferred;
    },
    async views(bytes, count, what) {
      return (await ask(bytes, count, what, (capture) => ({ kind: 'views', id: nextId++, capture, count }))) as readonly Float32Array[];
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

function isAway(): WhetError {
  return new WhetError('inference-unavailable', 'the inference worker is being started again');
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

function toError(message: Pick<Extract<FromWorker, { kind: 'failed' }>, 'code' | 'message' | 'hint'>): WhetError {
  const code = errorCodeOf(message.code);
  return new WhetError(code, message.message, message.hint === null ? {} : { hint: message.hint });
}
