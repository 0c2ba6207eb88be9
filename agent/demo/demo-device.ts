// The device of the demo: the real daemon, in a process of its own, with a configuration, a state folder and a log in the demo's folder. Says
// why it ended where it ends by itself.
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WhetError } from '../errors.ts';
import { entryPoint } from '../installation.ts';

export interface DemoDevice {
  /** Rejects when the device ends by itself; never resolves. */
  readonly failed: Promise<never>;
  readonly config: string;
  stop(): Promise<void>;
}

const main = entryPoint('main');
const graceMs = 5000;

/** `settings` is the whole configuration; YAML reads JSON. */
export async function startDevice(folder: string, settings: object): Promise<DemoDevice> {
  const config = join(folder, 'whetstone.yaml');
  await writeFile(config, `${JSON.stringify(settings, null, 2)}\n`);
  const child = spawn(process.execPath, ['--max-semi-space-size=2', main, 'run', '--config', config], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = createWriteStream(join(folder, 'device.log'));
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  let said = '';
  child.stderr.on('data', (part: Buffer) => {
    said = (said + part.toString('utf8')).slice(-500);
  });
  let stopping = false;
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const failed = new Promise<never>((_, reject) => {
    const fail = (why: string) => {
      if (!stopping)
        reject(new WhetError('internal', `the demo's device ended: ${why}`, { hint: `Its log is ${join(folder, 'device.log')}.` }));
    };
    child.once('error', (error) => fail(error.message));
    child.once('close', (code, signal) => fail(`${signal ?? `status ${code}`} ${said.trim()}`));
  });
  failed.catch(() => {});
  return {
    failed,
    config,
    async stop() {
      stopping = true;
      await end(child, ended);
      log.end();
    },
  };
}

async function end(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await ended;
  clearTimeout(force);
}
