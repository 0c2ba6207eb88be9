import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../agent/config/load.ts';

const systemd = fileURLToPath(new URL('../../systemd/', import.meta.url));
const unitText = readFileSync(join(systemd, 'whetstone.service'), 'utf8');
const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'whet-unit-'));
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Settings of the unit by name; those that may stand several times, joined. */
function setting(name: string): string {
  return [...unitText.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map((match) => match[1]).join(' ');
}

describe.skipIf(!hasAnalyze)('whetstone.service (skipped without systemd-analyze)', () => {
  it('is a unit that systemd understands in every line', () => {
    const unit = join(folder, 'whetstone.service');
    // What the unit starts must be there, under a path without blanks wherever this checkout is; everything else is as it ships.
    symlinkSync(process.execPath, join(folder, 'node'));
    writeFileSync(unit, unitText.replaceAll('/opt/whetstone/bin/node', join(folder, 'node')));
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
    expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: '' });
  });

  it('is exposed by at most 2.0', () => {
    const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=yes', '--no-pager', join(systemd, 'whetstone.service')], {
      encoding: 'utf8',
    });
    const exposure = Number(/Overall exposure level for whetstone\.service: ([\d.]+)/.exec(stdout)?.[1]);
    expect(exposure).toBeGreaterThan(0);
    expect(exposure).toBeLessThanOrEqual(2);
  });
});

describe('whetstone.service', () => {
  it.each([
    ['Type', 'notify'],
    ['NotifyAccess', 'all'],
    ['Environment', 'ORT_DISABLE_TELEMETRY=1'],
    ['TimeoutStopSec', '5'],
    ['KillMode', 'mixed'],
    ['Restart', 'on-failure'],
    ['RestartPreventExitStatus', '64 65 77 78'],
    ['OOMPolicy', 'continue'],
    ['StateDirectory', 'whetstone'],
    ['RuntimeDirectory', 'whetstone'],
    ['ExecStart', '/opt/whetstone/bin/node --max-semi-space-size=1 /opt/whetstone/dist/main.js run --config /etc/whetstone/whetstone.yaml'],
  ])('says %s=%s', (name, value) => {
    expect(setting(name)).toBe(value);
  });

  it('leaves out what V8 and the health report could not live with', () => {
    expect(setting('MemoryDenyWriteExecute')).toBe('');
    expect(setting('ProcSubset')).toBe('');
  });
});

describe('whetstone.example.yaml', () => {
  const example = readFileSync(join(systemd, 'whetstone.example.yaml'), 'utf8');
  const load = (text: string) => {
    const file = join(folder, 'whetstone.yaml');
    writeFileSync(file, text, { mode: 0o640 });
    return loadConfig(file, { env: {}, home: folder, hostname: 'board' });
  };

  it('is a valid configuration that finds the folders of the service from any shell', async () => {
    const { config, warnings } = await load(example);
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({ state: '/var/lib/whetstone', runtimeDir: '/run/whetstone', mqtt: null });
    expect(config.sources.map(({ name }) => name)).toEqual(['inbox']);
  });

  it('is valid with everything that is commented out in it, too', async () => {
    const everything = example.replaceAll(/^( *)# (- name:| {2}kind:| {2}command:| {2}framesPerSecond:|mqtt:| {2}[a-zA-Z]+:)/gm, '$1$2');
    const { config } = await load(everything);
    expect(config.sources.map(({ kind }) => kind)).toEqual(['folder', 'mjpeg']);
    expect(config.mqtt).toMatchObject({ username: 'my-device' });
  });
});
