// Several sources as one: what hangs or fails among them is its own trouble.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createCameraProgram } from '../../agent/capture/frame-source.ts';
import type { Source, SourceStatus } from '../../agent/capture/source.ts';
import { joinSources } from '../../agent/engine/sources.ts';
import { createRecorder } from '../capture/recorder.ts';
import { photograph } from '../images.ts';

const folder = mkdtempSync(join(tmpdir(), 'whet-sources-'));
afterAll(() => rmSync(folder, { recursive: true }));

const never = () => new Promise<void>(() => {});
const status: SourceStatus = { state: 'running', captures: 0, dropped: 0, passedOver: 0, lastCaptureMs: null, lastError: null };
const source = (name: string, parts: Partial<Source> = {}): Source => ({
  ...{ name, kind: 'folder', start: async () => {}, stop: async () => {}, status: () => status },
  ...parts,
});

describe('sources', () => {
  it('start beside one that never does, and one that cannot; both are degraded, and said', async () => {
    const recorder = createRecorder();
    const late = Promise.withResolvers<void>();
    const sources = joinSources(
      [
        source('hangs', { start: never }),
        source('late', { start: () => late.promise }),
        source('fails', { start: () => Promise.reject(new Error('no such bus')) }),
        source('works'),
      ],
      { startMs: 50, stopMs: 50 },
    );
    await sources.start(recorder.context);
    const states = () => sources.states().map(({ name, state }) => `${name} ${state}`);
    expect(states()).toEqual(['hangs degraded', 'late degraded', 'fails degraded', 'works running']);
    expect(sources.degraded()).toEqual([
      'source hangs: its start has not come to an end',
      'source late: its start has not come to an end',
      'source fails: it cannot be started: no such bus',
    ]);
    expect(recorder.warnings.length).toBe(3);
    late.resolve();
    await recorder.until('the late one', () => sources.degraded().length === 2);
    expect(states()[1]).toBe('late running');
  });

  it('stop beside one that never does', async () => {
    const stopped: string[] = [];
    const stopping = (name: string) => source(name, { stop: async () => void stopped.push(name) });
    const throws = source('throws', { stop: () => Promise.reject(new Error('no')) });
    const sources = joinSources([source('hangs', { stop: never }), stopping('a'), throws, stopping('b')], { startMs: 50, stopMs: 100 });
    await sources.start(createRecorder().context);
    await sources.stop();
    expect(stopped).toEqual(['a', 'b']);
  });

  it('whose program was stopped by somebody (SIGSTOP) are degraded, and go on with another process', async () => {
    const [picture, pids] = [join(folder, 'picture.jpg'), join(folder, 'pids')];
    writeFileSync(picture, await photograph('disc', 1));
    const command = [
      process.execPath,
      '-e',
      `const fs = require('node:fs'); fs.appendFileSync(${JSON.stringify(pids)}, process.pid + ' ');
       const frame = fs.readFileSync(${JSON.stringify(picture)}); setInterval(() => process.stdout.write(frame), 20);`,
    ];
    const camera = createCameraProgram({
      name: 'door',
      kind: 'mjpeg',
      command: async () => command,
      framesPerSecond: 60,
      stallMs: 700,
      graceMs: 100,
      retryMinMs: 400,
    });
    const sources = joinSources([camera, source('other')]);
    const recorder = createRecorder();
    await sources.start(recorder.context);
    await recorder.until('pictures', () => recorder.captures.length > 2);
    const first = Number(readFileSync(pids, 'utf8').trim());
    process.kill(first, 'SIGSTOP');
    await recorder.until('the stall', () => sources.degraded().length > 0);
    expect(sources.degraded()).toEqual([expect.stringMatching(/^source door: .*printed no picture for 0.7 s/)]);
    const before = recorder.captures.length;
    await recorder.until('pictures of another process', () => recorder.captures.length > before + 2);
    expect(sources.degraded()).toEqual([]);
    expect(() => process.kill(first, 0)).toThrow();
    await sources.stop();
  });
});
