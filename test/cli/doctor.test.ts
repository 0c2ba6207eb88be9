// `whet doctor` on real configurations: what works is said to work, what does not is named with what to do, and every check answers.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkClock, checkMemory, checkNode, checkTelemetry } from '../../agent/doctor/machine.ts';
import type { DoctorReport } from '../../agent/doctor.ts';
import { createMachineFiles } from '../../agent/host/machine-files.ts';
import { mosquittoMissing, needsMosquitto, startBroker } from '../broker.ts';
import { modelPath, whet } from '../e2e/daemon.ts';

const place = mkdtempSync(join(tmpdir(), 'whet-doctor-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));
mkdirSync(join(place, 'inbox'));

function configuration(name: string, lines: readonly string[]): string {
  const path = join(place, name);
  writeFileSync(path, [`state: state-${name}`, ...lines, ''].join('\n'));
  return path;
}

async function examined(config: string) {
  const answer = await whet('doctor', '--config', config, '--json');
  const { checks } = answer.json<DoctorReport>();
  return { code: answer.code, checks, of: (name: string) => checks.find((check) => check.name === name) };
}

const fine = [`model: ${JSON.stringify(modelPath)}`, 'sources: [{name: inbox, kind: folder, path: inbox}]'];

describe('a device', () => {
  it('that works is said to work', async () => {
    const { code, checks, of } = await examined(configuration('fine.yaml', fine));
    expect(code).toBe(0);
    expect(checks.map(({ name }) => name)).toEqual([
      ...['node', 'runtime', 'telemetry', 'memory', 'heat and power', 'clock'],
      ...['configuration', 'source inbox', 'model', 'state folder', 'broker'],
    ]);
    for (const { state, found, remedy } of checks) {
      expect(['ok', 'warning', 'skipped']).toContain(state);
      expect(found).not.toBe('');
      expect(remedy === null).toBe(state !== 'warning');
    }
    expect(of('model')).toMatchObject({ state: 'ok', found: expect.stringContaining('the cut is exact') });
    expect(of('broker')).toMatchObject({ state: 'skipped' });
    expect((await whet('doctor', '--config', join(place, 'fine.yaml'))).stdout).toMatch(/✓ model +objects, qdq/);
  });

  it('that misses something is told what and what to do, all at once', async () => {
    copyFileSync(modelPath, join(place, 'bare.onnx'));
    const { code, of } = await examined(
      configuration('ill.yaml', [
        'model: bare.onnx',
        'sources: [{name: door, kind: mjpeg, command: [no-such-program]}, {name: inbox, kind: folder, path: nowhere}]',
        'mqtt: {url: "mqtt://127.0.0.1:9"}',
      ]),
    );
    expect(code).toBe(69);
    expect(of('source door')).toMatchObject({ state: 'warning', found: expect.stringContaining('no-such-program') });
    expect(of('source inbox')).toMatchObject({ state: 'warning', remedy: expect.stringContaining('mkdir -p') });
    expect(of('configuration')).toMatchObject({ state: 'failed' });
    expect(of('model')).toMatchObject({ state: 'failed', found: expect.stringContaining('no model card') });
    expect(of('broker')).toMatchObject({ state: 'failed', found: expect.stringContaining('nothing listens') });
    expect(of('state folder')).toMatchObject({ state: 'ok' });
  });

  it('without a configuration that can be read is looked at as a machine', async () => {
    const broken = await examined(configuration('broken.yaml', ['model: [']));
    expect(broken.code).toBe(69);
    expect(broken.of('configuration')).toMatchObject({ state: 'failed' });
    expect(broken.of('node')).toMatchObject({ state: 'ok' });
  });

  it.skipIf(mosquittoMissing)(`sends a message to its broker and hears of it${needsMosquitto}`, async () => {
    const broker = await startBroker();
    try {
      const { of } = await examined(configuration('mqtt.yaml', [...fine, `mqtt: {url: "${broker.url}"}`]));
      expect(of('broker')).toMatchObject({
        state: 'ok',
        found: expect.stringMatching(/MQTT 5: connected in \d+ ms, a message acknowledged in \d+ ms/),
      });
    } finally {
      await broker.stop();
    }
  });
});

describe('a machine', () => {
  const files = (name: string, contents: Readonly<Record<string, string>>) => {
    for (const [path, text] of Object.entries(contents)) {
      mkdirSync(join(place, name, path, '..'), { recursive: true });
      writeFileSync(join(place, name, path), text);
    }
    return createMachineFiles(join(place, name));
  };

  it('that is old, small, or lives in 1970', async () => {
    expect(checkNode('20.1.0')).toMatchObject({ state: 'failed' });
    expect(checkTelemetry({})).toMatchObject({ state: 'failed' });
    const memory = (mb: number) =>
      checkMemory(files(`memory-${mb}`, { 'proc/meminfo': `MemTotal: 999424 kB\nMemAvailable:   ${mb * 1024} kB\n` }));
    expect([(await memory(900)).state, (await memory(300)).state, (await memory(90)).state]).toEqual(['ok', 'warning', 'failed']);
    expect(await checkClock(files('clock', {}), new Date(0))).toMatchObject({
      state: 'failed',
      remedy: expect.stringContaining('set-ntp'),
    });
    const set = files('set', { 'run/systemd/timesync/synchronized': '' });
    expect(await checkClock(set, new Date('2026-11-25T12:00:00Z'))).toMatchObject({ state: 'ok' });
  });
});
