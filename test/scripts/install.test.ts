import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../scripts/install.sh', import.meta.url));
let destination: string;
const at = (path: string) => join(destination, path);

beforeEach(() => {
  destination = mkdtempSync(join(tmpdir(), 'whet install '));
});

afterEach(() => rmSync(destination, { recursive: true }));

function install(...args: readonly string[]) {
  return spawnSync(script, args, { encoding: 'utf8', env: { ...process.env, DESTDIR: destination } });
}

function version(program: string): string {
  return spawnSync(at(`${program}/bin/node`), [at(`${program}/dist/main.js`), '--version'], {
    encoding: 'utf8',
  }).stdout.trim();
}

describe('scripts/install.sh', () => {
  it('lays out a program that runs, its unit, command and example; upgrades keep the configuration; uninstalling keeps what is yours', () => {
    expect(install('--prefix', '/srv/whet')).toMatchObject({ status: 0 });
    expect(version('srv/whet')).toMatch(/^\d+\.\d+\.\d+$/);
    expect(readdirSync(at('srv/whet/node_modules'))).not.toContain('vitest');
    expect(readFileSync(at('etc/systemd/system/whetstone.service'), 'utf8')).toContain('ExecStart=/srv/whet/bin/node');
    expect(readFileSync(at('etc/systemd/system/whetstone.service'), 'utf8')).not.toContain('/opt/whetstone');
    expect(readFileSync(at('usr/local/bin/whet'), 'utf8')).toContain('ORT_DISABLE_TELEMETRY=1 /srv/whet/bin/node ');
    expect(statSync(at('usr/local/bin/whet')).mode & 0o111).toBe(0o111);
    expect(statSync(at('etc/whetstone/whetstone.yaml')).mode & 0o777).toBe(0o640);

    writeFileSync(at('etc/whetstone/whetstone.yaml'), 'mine');
    writeFileSync(at('srv/whet/left over'), '');
    mkdirSync(at('var/lib/whetstone'), { recursive: true });
    expect(install('--prefix=/srv/whet').status).toBe(0);
    expect(readFileSync(at('etc/whetstone/whetstone.yaml'), 'utf8')).toBe('mine');
    expect(existsSync(at('srv/whet/left over'))).toBe(false);
    expect(readdirSync(at('srv')).sort()).toEqual(['whet', 'whetstone']);

    expect(install('--prefix=/srv/whet', '--uninstall').status).toBe(0);
    expect(['srv/whet', 'usr/local/bin/whet', 'etc/systemd/system/whetstone.service'].filter((path) => existsSync(at(path)))).toEqual([]);
    expect(readFileSync(at('etc/whetstone/whetstone.yaml'), 'utf8')).toBe('mine');
    expect(install('--prefix=/srv/whet', '--uninstall', '--purge').status).toBe(0);
    expect(['etc/whetstone', 'var/lib/whetstone'].filter((path) => existsSync(at(path)))).toEqual([]);
  }, 60_000);

  it.each([
    ['an unknown argument', ['--now'], 64, '--now'],
    ['a relative prefix', ['--prefix', 'opt'], 64, 'absolute path'],
    ['a prefix that a unit could not hold', ['--prefix', '/opt/my whet'], 64, "'/opt/my whet'"],
    ['a prefix that climbs', ['--prefix', '/opt/../etc'], 64, 'absolute path'],
    ['a prefix without a value', ['--prefix'], 64, 'absolute path'],
    ['a purge that uninstalls nothing', ['--purge'], 64, '--uninstall'],
    ["a folder that is somebody else's", ['--prefix', '/taken'], 73, 'no Whetstone'],
  ])('refuses %s', (_what, args, status, message) => {
    mkdirSync(at('taken'));
    writeFileSync(at('taken/a file'), '');
    const result = install(...args);
    expect({ status: result.status, told: result.stderr.includes(message) }, result.stderr).toEqual({ status, told: true });
    expect(existsSync(at('taken/a file'))).toBe(true);
  });
});
