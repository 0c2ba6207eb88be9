// Real devices for end-to-end tests: a folder with a configuration, the daemon as a process of its own, and the command line beside it.
// Takes what differs from the usual configuration; gives handles that start, ask, kill and clean up.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createControlClient } from '../../agent/operations/control-client.ts';
import type { Device } from '../../agent/operations/table.ts';
import { type PhotographClass, photograph } from '../images.ts';

const mainPath = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));
/** The base model that ships: 32×32 pictures, ten classes. */
export const modelPath = fileURLToPath(new URL('../../models/objects/model.onnx', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Daemon {
  readonly pid: number;
  /** Everything printed so far, log and errors. */
  readonly said: string;
  readonly ended: Promise<Ended>;
  /** Resolves when the log holds the text; rejects when the process ends before or time is up. */
  says(text: string, timeoutMs?: number): Promise<void>;
  /** Sends the signal and resolves when the process is gone. */
  stop(signal?: NodeJS.Signals): Promise<Ended>;
}

export interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The one document that `--json` prints. */
  json<T = Record<string, never>>(): T;
}

export interface SpawnOptions {
  /** A module that the process loads first. */
  readonly preload?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface TestDevice {
  readonly folder: string;
  readonly config: string;
  readonly state: string;
  readonly inbox: string;
  /** The running daemon, through its socket, as the command line asks it. */
  readonly client: Device;
  /** Starts `whet run`. */
  spawn(options?: SpawnOptions): Daemon;
  /** Starts `whet run` and waits until it is ready. */
  start(options?: SpawnOptions): Promise<Daemon>;
  whet(...args: readonly string[]): Promise<Answer>;
  /** A file appears in the watched folder at once, whole. */
  drop(path: string, bytes: Uint8Array): void;
  close(): Promise<void>;
}

/** `lines` are added to the configuration, which is YAML; `state` is a folder elsewhere. */
export function createDevice(
  name: string,
  lines: readonly string[],
  options: { readonly state?: string; readonly sources?: readonly string[] } = {},
): TestDevice {
  const folder = mkdtempSync(join(tmpdir(), 'whet-e2e-'));
  const [config, state, inbox] = [join(folder, 'whetstone.yaml'), options.state ?? join(folder, 'state'), join(folder, 'inbox')];
  mkdirSync(inbox);
  const sources = options.sources ?? [`{name: inbox, kind: folder, path: inbox, rescanSeconds: 1}`];
  const base = [
    ...[`device: ${name}`, `model: ${JSON.stringify(modelPath)}`, `state: ${JSON.stringify(state)}`],
    ...['runtimeDir: run', `sources: [${sources.join(', ')}]`],
  ];
  writeFileSync(config, [...base, ...lines, ''].join('\n'));
  const daemons: Daemon[] = [];

  const device: TestDevice = {
    ...{ folder, config, state, inbox },
    client: createControlClient(join(folder, 'run', 'control.sock')),
    spawn({ preload, env = process.env } = {}) {
      // A path of its own would be read as a URL's: a `%` or a `#` in it would be lost.
      const before = preload === undefined ? [] : ['--import', pathToFileURL(preload).href];
      const command = [...before, mainPath, 'run', '--config', config];
      const daemon = watch(spawn(process.execPath, command, { env, stdio: ['ignore', 'pipe', 'pipe'] }));
      daemons.push(daemon);
      return daemon;
    },
    async start(settings) {
      const daemon = device.spawn(settings);
      await daemon.says('"msg":"ready"');
      return daemon;
    },
    whet: (...args) => whet(...args, '--config', config),
    drop(path, bytes) {
      const target = join(inbox, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(`${target}.part`, bytes);
      renameSync(`${target}.part`, target);
    },
    async close() {
      await Promise.all(daemons.map((daemon) => daemon.stop('SIGKILL')));
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return device;
}

/** Any command line, in a process of its own. */
export async function whet(...args: readonly string[]): Promise<Answer> {
  const child = spawn(process.execPath, [mainPath, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (part) => {
    stdout += part;
  });
  child.stderr.on('data', (part) => {
    stderr += part;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    ...{ code, stdout, stderr },
    json<T>() {
      try {
        return JSON.parse(stdout) as T;
      } catch {
        throw new Error(`whet ${args.join(' ')} (status ${code}) printed no JSON: ${stdout}${stderr}`);
      }
    },
  };
}

function watch(child: ChildProcess): Daemon {
  let said = '';
  const listeners = new Set<() => void>();
  const hear = (part: unknown) => {
    said += String(part);
    for (const listener of listeners) listener();
  };
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  const ended = new Promise<Ended>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  return {
    pid: child.pid ?? 0,
    get said() {
      return said;
    },
    ended,
    says: (text, timeoutMs = 120_000) =>
      new Promise((resolve, reject) => {
        const finish = (error?: Error) => {
          clearTimeout(timer);
          listeners.delete(check);
          if (error === undefined) resolve();
          else reject(error);
        };
        const check = () => said.includes(text) && finish();
        const timer = setTimeout(() => finish(new Error(`the daemon did not say '${text}': ${said.slice(-2000)}`)), timeoutMs);
        void ended.then(({ code, signal }) =>
          finish(new Error(`the daemon ended (${code ?? signal}) before '${text}': ${said.slice(-2000)}`)),
        );
        listeners.add(check);
        check();
      }),
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
  };
}

/** Waits until `look` gives something else than false, null or undefined; `what` is for the message. */
export async function eventually<T>(what: string, look: () => T | Promise<T>, timeoutMs = 120_000): Promise<NonNullable<T>> {
  const until = performance.now() + timeoutMs;
  let last: unknown = null;
  while (performance.now() < until) {
    try {
      const found = await look();
      if (found !== false && found !== null && found !== undefined) return found;
      last = found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} did not come to be within ${timeoutMs} ms; last: ${String(last)}`);
}

/** Photographs of some classes in turn, seeds from `seed` on. */
export async function photographs(classes: readonly PhotographClass[], perClass: number, seed: number) {
  const pictures: { readonly label: PhotographClass; readonly name: string; readonly bytes: Buffer }[] = [];
  for (let index = 0; index < perClass; index += 1) {
    for (const label of classes)
      pictures.push({ label, name: `${seed}-${index}.jpg`, bytes: await photograph(label, seed * 1009 + index) });
  }
  return pictures;
}
