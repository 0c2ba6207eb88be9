// `whet weights receive`: another device's weights over MQTT → a safetensors file, or with the base model the exact artifact. Refuses a base
// whose hash is another than the manifest's, and an artifact whose hash is; nothing half-written is left behind.
import { createHash, randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { addressOf } from '../contract/topics.ts';
import { messageOf, WhetError } from '../errors.ts';
import { createLog } from '../log.ts';
import { loadModel } from '../model/load.ts';
import { rebuild } from '../model/rebuild.ts';
import type { Progress } from '../types.ts';
import { receiveWeights } from '../uplink/receive-weights.ts';
import { bytes } from './text.ts';

export interface ReceiveOptions {
  readonly broker: string;
  readonly device: string;
  readonly out: string;
  readonly base?: string;
  readonly root: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Seconds. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

export interface Received {
  readonly device: string;
  readonly version: string;
  readonly kind: 'weights' | 'model';
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  /** The base model that the weights belong to. */
  readonly base: { readonly name: string; readonly sha256: string };
  readonly received: { readonly bytes: number; readonly chunks: number; readonly seconds: number };
}

/** Throws `usage`, `broker-*`, `weights-*`, and for an unreadable base `model-unreadable`. */
export async function receive(options: ReceiveOptions): Promise<Received> {
  const startedMs = performance.now();
  checkBroker(options);
  // Read before anything is asked of the device, so that a wrong path costs nothing.
  const base = options.base === undefined ? null : loadModel(options.base);
  const received = await receiveWeights(
    {
      broker: {
        url: options.broker,
        clientId: `whet-receive-${randomUUID().slice(0, 8)}`,
        username: options.username,
        passwordFile: options.passwordFile,
        caFile: options.ca,
        certFile: options.cert,
        keyFile: options.key,
        keepaliveSeconds: 30,
        connectTimeoutMs: 10_000,
        ackTimeoutMs: 10_000,
      },
      protocol: 'auto',
      address: addressOf(options.root, options.device),
      timeoutMs: options.timeout * 1000,
      signal: options.signal,
      progress: options.progress,
    },
    createLog('silent'),
  );
  const { manifest, delta } = received;
  const file = base === null ? delta : rebuild(base, manifest, delta);
  write(options.out, file);
  return {
    device: options.device,
    version: manifest.version,
    kind: base === null ? 'weights' : 'model',
    file: options.out,
    bytes: file.byteLength,
    sha256: sha256Of(file),
    base: { name: manifest.base.name, sha256: manifest.base.sha256 },
    received: { bytes: delta.byteLength, chunks: manifest.delta?.chunks ?? 0, seconds: (performance.now() - startedMs) / 1000 },
  };
}

export function formatReceived(received: Received): string {
  const { version, device, received: wire } = received;
  const from = `${version} of '${device}': ${bytes(wire.bytes)} in ${wire.chunks} chunks, ${wire.seconds.toFixed(1)} s`;
  const wrote = `${received.file}  ${bytes(received.bytes)}  sha256 ${received.sha256}`;
  if (received.kind === 'model') return `${from}\nrebuilt the exact model: ${wrote}`;
  return `${from}\nwrote ${wrote}\nThey belong to the base model '${received.base.name}' (sha256 ${received.base.sha256}); with --base the whole model is rebuilt.`;
}

function checkBroker({ broker, cert, key, passwordFile, username }: ReceiveOptions): void {
  const isBroker = URL.canParse(broker) && ['mqtt:', 'mqtts:', 'ws:', 'wss:'].includes(new URL(broker).protocol);
  if (!isBroker) throw new WhetError('usage', `--broker '${broker}' is not mqtt://, mqtts://, ws:// or wss://host`);
  if ((cert === undefined) !== (key === undefined)) throw new WhetError('usage', '--cert and --key belong together');
  if (passwordFile !== undefined && username === undefined) throw new WhetError('usage', '--password-file needs --username');
}

/** Whole or not at all: a temporary file beside it, flushed, renamed. */
function write(path: string, content: Uint8Array): void {
  const temporary = `${path}.${process.pid}.part`;
  try {
    writeFileSync(temporary, content);
    const handle = openSync(temporary, 'r');
    fsyncSync(handle);
    closeSync(handle);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new WhetError('output-failed', `'${path}' cannot be written: ${messageOf(error)}`, {
      hint: 'Check --out and the free space.',
      cause: error,
    });
  }
}

function sha256Of(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
