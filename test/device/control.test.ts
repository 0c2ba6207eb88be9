import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createControlClient } from '../../agent/device/control-client.ts';
import { type ControlServer, createControlServer } from '../../agent/device/control-server.ts';
import type { Device, LabelRequest } from '../../agent/device/device.ts';
import { WhetError } from '../../agent/errors.ts';
import { createLog } from '../../agent/log.ts';

const log = createLog('silent');
const seen: LabelRequest[] = [];

/** Records what reaches the device; every method that is not under test refuses. */
const device = {
  async label(wanted: LabelRequest) {
    seen.push(wanted);
    return { label: wanted.label, labelled: wanted.samples.length, unknown: [] };
  },
  async train(_reason: string, progress?: (done: number, total: number | null, what: string) => void) {
    progress?.(1, 2, 'features');
    progress?.(2, 2, 'features');
    throw new WhetError('model-unsupported', 'no', { hint: 'do this' });
  },
} as unknown as Device;

let folder: string;
let server: ControlServer;
const path = () => join(folder, 'control.sock');

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'whet-'));
  server = createControlServer(path(), device, log);
  await server.start();
});

afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

function raw(url: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: path(), path: url, method: 'POST' }, (answer) => {
      let text = '';
      answer.on('data', (part) => {
        text += part;
      });
      answer.on('end', () => resolve(text));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

describe('control socket', () => {
  it('may be opened by its owner alone', () => {
    expect(statSync(path()).mode & 0o777).toBe(0o600);
  });

  it('carries arguments there and results back', async () => {
    const labelled = await createControlClient(path()).label({ label: 'cat', samples: ['a', 'b'], by: 'cli' });
    expect(labelled).toEqual({ label: 'cat', labelled: 2, unknown: [] });
    expect(seen.at(-1)).toEqual({ label: 'cat', samples: ['a', 'b'], by: 'cli' });
  });

  it('streams progress and throws the error of the daemon again, with code and hint', async () => {
    const steps: number[] = [];
    const training = createControlClient(path()).train('test', (done) => steps.push(done));
    await expect(training).rejects.toMatchObject({ code: 'model-unsupported', message: 'no', hint: 'do this' });
    expect(steps).toEqual([1, 2]);
  });

  it.each([
    ['/nothing', '{}', 'no method'],
    ['/__proto__', '{}', 'no method'],
    ['/label', '{"label":"cat","samples":[],"by":"cli"}', 'samples'],
    ['/label', '{"label":"cat","samples":["a"],"by":"cli","more":1}', 'more'],
    ['/label', 'not json', 'not JSON'],
    ['/forget', '{"selector":{}}', 'say which samples'],
  ])('refuses %s %s', async (url, body, message) => {
    const answer = JSON.parse(await raw(url, body));
    expect(answer).toMatchObject({ kind: 'error', code: 'usage' });
    expect(answer.message).toContain(message);
  });

  it('refuses a body over the limit', async () => {
    expect(JSON.parse(await raw('/label', ' '.repeat(5 * 1024 * 1024))).message).toContain('larger than');
  });

  it('takes over the socket file of a killed daemon, but not that of a running one', async () => {
    await expect(createControlServer(path(), device, log).start()).rejects.toMatchObject({ code: 'already-running' });
    const stale = join(folder, 'stale.sock');
    writeFileSync(stale, '');
    const second = createControlServer(stale, device, log);
    await second.start();
    await second.stop();
    expect(existsSync(path())).toBe(true);
  });
});
