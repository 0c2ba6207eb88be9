import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeviceParts } from '../../agent/engine/parts.ts';
import { WhetError } from '../../agent/errors.ts';
import { createLog } from '../../agent/log.ts';
import { createControlClient } from '../../agent/operations/control-client.ts';
import { type ControlServer, createControlServer } from '../../agent/operations/control-server.ts';
import type { Progress } from '../../agent/types.ts';

const log = createLog('silent');
const seen: unknown[] = [];

/** The parts that two operations touch: what is labelled is recorded, and training refuses. */
const parts = {
  config: { classes: 'replace' },
  card: { labels: [] },
  clock: { now: () => 5 },
  changed: () => undefined,
  store: {
    transaction: (work: () => unknown) => work(),
    labels: {
      set(samples: readonly string[], label: string | null, by: string) {
        seen.push({ samples, label, by });
        return { labelled: samples.length, unknown: [] };
      },
    },
  },
  jobs: {
    async train(_reason: string, { progress }: { readonly progress: Progress }) {
      progress(1, 2, 'features');
      progress(2, 2, 'features');
      throw new WhetError('model-unsupported', 'no', { hint: 'do this' });
    },
  },
} as unknown as DeviceParts;

let folder: string;
let server: ControlServer;
const path = () => join(folder, 'control.sock');

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'whet-'));
  server = createControlServer(path(), parts, log);
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
    const samples = ['a', 'b'].map((sample) => ({ sample, label: 'cat' }));
    expect(await createControlClient(path()).label({ samples })).toEqual({ labelled: 2, unknown: [] });
    expect(seen.at(-1)).toEqual({ label: 'cat', samples: ['a', 'b'], by: 'cli' });
    await createControlClient(path()).label({ sample: 'c', label: null }, { by: 'dashboard' });
    expect(seen.at(-1)).toEqual({ label: null, samples: ['c'], by: 'dashboard' });
  });

  it('streams progress and throws the error of the daemon again, with code and hint', async () => {
    const steps: number[] = [];
    const training = createControlClient(path()).train({ reason: 'test' }, { progress: (done) => steps.push(done) });
    await expect(training).rejects.toMatchObject({ code: 'model-unsupported', message: 'no', hint: 'do this' });
    expect(steps).toEqual([1, 2]);
  });

  it.each([
    ['/nothing', '{}', 'no operation'],
    ['/__proto__', '{}', 'no operation'],
    ['/label', '{"samples":[]}', 'samples'],
    ['/label', '{"label":"cat","sample":"a","more":1}', 'more'],
    ['/label', 'not json', 'not JSON'],
    ['/forget', '{}', 'say which samples'],
  ])('refuses %s %s', async (url, body, message) => {
    const answer = JSON.parse(await raw(url, body));
    expect(answer).toMatchObject({ kind: 'error', code: 'usage' });
    expect(answer.message).toContain(message);
  });

  it('refuses a body over the limit', async () => {
    expect(JSON.parse(await raw('/label', ' '.repeat(5 * 1024 * 1024))).message).toContain('larger than');
  });

  it('takes over the socket file of a killed daemon, but not that of a running one', async () => {
    await expect(createControlServer(path(), parts, log).start()).rejects.toMatchObject({ code: 'already-running' });
    const stale = join(folder, 'stale.sock');
    writeFileSync(stale, '');
    const second = createControlServer(stale, parts, log);
    await second.start();
    await second.stop();
    expect(existsSync(path())).toBe(true);
  });
});
