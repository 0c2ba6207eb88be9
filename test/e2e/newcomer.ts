// Somebody new in an empty folder, with a machine of their own: the programs that a camera and a microphone need stand first on the PATH and play what
// they are given. Everything goes through the command line; `begin` gives handles, `close` ends all.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toItsEnd } from '../run-program.ts';

const main = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));

export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Newcomer {
  readonly folder: string;
  put(path: string, bytes: Uint8Array | string): string;
  whet(...args: readonly string[]): Promise<Said>;
  json<T>(...args: readonly string[]): Promise<T>;
  /** `whet run`, until it is ready. */
  run(): Promise<void>;
  close(): Promise<void>;
}

export function begin(programs: Readonly<Record<string, string>> = {}): Newcomer {
  const place = mkdtempSync(join(tmpdir(), 'whet-newcomer-'));
  const [folder, path] = [join(place, 'my first'), join(place, 'bin')];
  mkdirSync(folder);
  mkdirSync(path);
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(path, name), text);
    chmodSync(join(path, name), 0o755);
  }
  const env = {
    ...process.env,
    PATH: `${path}:${dirname(process.execPath)}:${process.env.PATH}`,
    HOME: place,
    XDG_STATE_HOME: join(place, 'state'),
  };
  const start = (...args: readonly string[]) =>
    spawn(process.execPath, [main, ...args], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let daemon: ChildProcess | null = null;

  const newcomer: Newcomer = {
    folder,
    put(name, bytes) {
      const file = join(folder, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, bytes);
      return file;
    },
    whet: (...args) => toItsEnd(start(...args)),
    async json<T>(...args: readonly string[]) {
      const { stdout, stderr } = await newcomer.whet(...args, '--json');
      if (stdout === '') throw new Error(`whet ${args.join(' ')} printed nothing: ${stderr}`);
      return JSON.parse(stdout) as T;
    },
    async run() {
      const started = start('run');
      daemon = started;
      let log = '';
      await new Promise<void>((resolve, reject) => {
        const hear = (part: unknown) => {
          log += String(part);
          if (log.includes('"msg":"ready"')) resolve();
        };
        started.stdout.on('data', hear);
        started.stderr.on('data', hear);
        started.once('close', (code) => reject(new Error(`whet run ended with ${code}: ${log.slice(-2000)}`)));
      });
    },
    async close() {
      const running = daemon;
      if (running !== null && running.exitCode === null) {
        const ended = new Promise((resolve) => running.once('close', resolve));
        running.kill('SIGTERM');
        await ended;
      }
      rmSync(place, { recursive: true, force: true });
    },
  };
  return newcomer;
}

/** Prints the JPEG files of a folder, one every 300 ms, for ever. */
export const pictureProgram = (folder: string) => `#!/usr/bin/env node
const { readdirSync, readFileSync } = require('node:fs');
const files = readdirSync(${JSON.stringify(folder)}).sort();
let at = 0;
setInterval(() => process.stdout.write(readFileSync(${JSON.stringify(folder)} + '/' + files[at++ % files.length])), 300);
`;

/** `arecord`: lists one microphone, and plays the WAV files of a folder (16-bit, 8 kHz) at 16 kHz in real time, then silence. */
export const soundProgram = (folder: string) => `#!/usr/bin/env node
const { readdirSync, readFileSync } = require('node:fs');
if (process.argv[2] === '-l') {
  console.log('card 1: Device [USB PnP Audio Device], device 0: USB Audio [USB Audio]');
  process.exit(0);
}
const silence = Buffer.alloc(2 * 16000 * 1.2);
const twice = (wav) => {
  const data = wav.subarray(44);
  const out = Buffer.alloc(data.length * 2);
  for (let at = 0; at + 1 < data.length; at += 2) for (const half of [0, 2]) out.writeInt16LE(data.readInt16LE(at), at * 2 + half);
  return out;
};
const folder = ${JSON.stringify(folder)};
const sound = Buffer.concat([silence, ...readdirSync(folder).sort().flatMap((name) => [twice(readFileSync(folder + '/' + name)), silence])]);
let at = 0;
setInterval(() => {
  const part = sound.subarray(at, at + 3200);
  at += 3200;
  process.stdout.write(part.length === 3200 ? part : Buffer.alloc(3200));
}, 100);
`;
