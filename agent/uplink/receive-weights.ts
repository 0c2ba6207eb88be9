// Another device's weights: its retained manifest, a snapshot command, the chunks, verified. Takes a broker and a device; gives the bytes
// of its delta.safetensors. Says what is missing when the time is up, and why when the device or the broker refuses.
import { randomUUID } from 'node:crypto';
import { type ModelManifest, modelManifestSchema } from '../contract/payloads.ts';
import { type Address, maxMessageBytes, topicOf } from '../contract/topics.ts';
import { type Assembly, createAssembly, type ReceivedWeights } from '../contract/weights.ts';
import { messageOf, WhetError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { BrokerOptions, Connection, Incoming, ProtocolVersion } from '../mqtt/client.ts';
import type { ConnectionFailure } from '../mqtt/failure.ts';
import { createLink } from '../mqtt/link.ts';
import type { Progress } from '../types.ts';

export interface ReceiveOptions {
  /** Its client id must be another than that of any device. */
  readonly broker: Omit<BrokerOptions, 'sessionExpirySeconds'>;
  readonly protocol: 'auto' | ProtocolVersion;
  readonly address: Address;
  /** Refuses any other version; the current one unless told. */
  readonly version?: string | undefined;
  readonly timeoutMs: number;
  /** Gives up where a connection of this length brought no manifest; a person at a terminal waits until the time is up. */
  readonly absentAfterMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: Progress | undefined;
}

/** A device that is online and sent nothing for so long did not get the request: it subscribed later, or restarted. */
const askAgainMs = 10_000;

interface State {
  manifest: ModelManifest | null;
  assembly: Assembly | null;
  online: string | null;
  asked: boolean;
  /** Anything of the model came since the last look. */
  moved: boolean;
}

/** Throws `broker-unreachable`, `broker-refused`, `weights-unavailable`, `weights-incomplete` or `weights-corrupt`. */
export function receiveWeights(options: ReceiveOptions, log: Log): Promise<ReceivedWeights> {
  const { address } = options;
  const device = `device '${address.device}'`;
  const at = (rest: string) => topicOf(address, rest);
  const state: State = { manifest: null, assembly: null, online: null, asked: false, moved: false };
  /** Topics of the answers to our own requests; every connection asks anew for what was missed meanwhile. */
  const requests = new Set<string>();

  return new Promise((resolve, reject) => {
    const link = createLink(
      { broker: { ...options.broker, sessionExpirySeconds: 0 }, protocol: options.protocol, will: null, retryMinMs: 500, retryMaxMs: 5000 },
      { up: (connection) => void up(connection), down: () => undefined, message: (message) => guarded(message), failed },
      log,
    );
    const timer = setTimeout(() => settle(timedOut(options, state, link.failure)), options.timeoutMs);
    const idle = setInterval(askAgain, Math.min(askAgainMs, options.timeoutMs / 3));
    const aborted = () => settle(new WhetError('weights-incomplete', 'interrupted'));
    options.signal?.addEventListener('abort', aborted, { once: true });
    let absent: NodeJS.Timeout | undefined;
    let settled = false;

    function settle(outcome: ReceivedWeights | Error): void {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      clearInterval(idle);
      clearTimeout(absent);
      options.signal?.removeEventListener('abort', aborted);
      link.stop().then(() => (outcome instanceof Error ? reject(outcome) : resolve(outcome)), reject);
    }

    /** Somebody waits for the answer, so what retrying cannot mend is said at once. */
    function failed(failure: ConnectionFailure): void {
      if (failure.refused) settle(new WhetError('broker-refused', failure.message, { hint: failure.hint }));
    }

    async function up(connection: Connection): Promise<void> {
      try {
        await connection.subscribe([at('status'), at('model'), at('model/+/+'), at('result/snapshot/+')]);
        await ask(connection);
        if (options.absentAfterMs !== undefined) absent ??= setTimeout(giveUp, options.absentAfterMs);
      } catch (error) {
        link.restart(`could not subscribe: ${messageOf(error)}`);
      }
    }

    function giveUp(): void {
      if (state.manifest === null)
        settle(timedOut({ ...options, timeoutMs: options.absentAfterMs ?? options.timeoutMs }, state, link.failure));
    }

    /** Sends a snapshot command; the retained manifest is on its way already. */
    async function ask(connection: Connection): Promise<void> {
      const id = randomUUID();
      requests.add(at(`result/snapshot/${id}`));
      state.asked = true;
      const payload = Buffer.from('{}');
      await connection.publish({
        topic: at(`cmd/snapshot/${id}`),
        payload,
        retain: false,
        qos: 1,
        timeMs: Date.now(),
        contentType: 'application/json',
      });
    }

    function askAgain(): void {
      if (!state.moved && state.online === 'online' && link.connection !== null) void ask(link.connection).catch(() => undefined);
      state.moved = false;
    }

    function guarded(message: Incoming): void {
      try {
        take(message);
      } catch (error) {
        settle(error instanceof Error ? error : new Error(String(error)));
      }
    }

    function take({ topic, payload }: Incoming): void {
      if (settled || payload.byteLength > maxMessageBytes) return;
      if (topic === at('status')) state.online = Buffer.from(payload).toString('utf8').slice(0, 20);
      else if (topic === at('model')) takeManifest(payload);
      else if (requests.has(topic)) takeAnswer(payload);
      else if (topic.startsWith(at('model/'))) takeChunk(topic, payload);
    }

    function takeManifest(payload: Uint8Array): void {
      const manifest = parseManifest(payload, device);
      if (options.version !== undefined && manifest.version !== options.version) {
        throw new WhetError('weights-unavailable', `${device} has version ${manifest.version}, not ${options.version}`, {
          hint: 'A device publishes its current release only; roll it back to the wanted one, or take this one.',
        });
      }
      if (manifest.delta === null) {
        throw new WhetError('weights-unavailable', `${device} runs its base model: there are no weights to receive`);
      }
      if (manifest.version === state.manifest?.version && manifest.delta.sha256 === state.manifest.delta?.sha256) return;
      // A new release while we collected: begin again with it. Its chunks follow; ask for those that came before their manifest.
      const again = state.manifest !== null;
      state.manifest = manifest;
      state.assembly = createAssembly(manifest.delta);
      options.progress?.(0, manifest.delta.chunks, 'chunks');
      if (again && link.connection !== null) void ask(link.connection).catch(() => undefined);
    }

    function takeAnswer(payload: Uint8Array): void {
      const answer = parseJson(payload) as { ok?: unknown; error?: { message?: unknown } } | null;
      if (answer?.ok !== false) return;
      throw new WhetError(
        'weights-unavailable',
        `${device} refused to publish its weights: ${String(answer.error?.message).slice(0, 500)}`,
      );
    }

    function takeChunk(topic: string, payload: Uint8Array): void {
      const [version, number = ''] = topic.slice(at('model/').length).split('/');
      const { manifest, assembly } = state;
      if (manifest === null || assembly === null || version !== manifest.version || !/^\d{1,6}$/.test(number)) return;
      state.moved = true;
      const why = assembly.add(Number(number), payload);
      if (why !== null) throw new WhetError('weights-corrupt', `${device}: ${why}`);
      options.progress?.(assembly.received, manifest.delta?.chunks ?? null, 'chunks');
      if (assembly.received === manifest.delta?.chunks) settle({ manifest, delta: assembly.finish() });
    }

    if (options.signal?.aborted) aborted();
    else link.start();
  });
}

function parseManifest(payload: Uint8Array, device: string): ModelManifest {
  const parsed = modelManifestSchema.safeParse(parseJson(payload));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new WhetError('weights-corrupt', `the manifest of ${device} is not valid: ${issue?.path.join('.')}: ${issue?.message}`);
}

function parseJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString('utf8'));
  } catch {
    return null;
  }
}

function timedOut(options: ReceiveOptions, state: State, failure: ConnectionFailure | null): WhetError {
  const seconds = `${options.timeoutMs / 1000} s`;
  const device = `device '${options.address.device}'`;
  if (failure !== null || !state.asked) {
    const code = failure?.refused === true ? 'broker-refused' : 'broker-unreachable';
    return new WhetError(
      code,
      failure?.message ?? `no connection to the MQTT broker in ${seconds}`,
      failure === null ? {} : { hint: failure.hint },
    );
  }
  const presence = state.online === null ? `${device} has never been seen at this broker` : `${device} is ${state.online}`;
  if (state.manifest === null || state.assembly === null) {
    return new WhetError('weights-unavailable', `no model manifest in ${seconds}: ${presence}`, {
      hint: 'Check the device name and --root.',
    });
  }
  const missing = state.assembly.missing();
  const named = `${missing.slice(0, 10).join(', ')}${missing.length > 10 ? ', …' : ''}`;
  return new WhetError(
    'weights-incomplete',
    `${state.assembly.received} of ${state.manifest.delta?.chunks} chunks of ${state.manifest.version} came in ${seconds}; missing: ${named}; ${presence}`,
    { hint: 'Weights are only sent while the device is online; try again then, or wait longer (--timeout).' },
  );
}
