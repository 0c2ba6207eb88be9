// The program as the package has it, its code in a few files, does what the checkout does; and the package's own files are what dpkg wants. The whole
// of it, installed in a Debian: `scripts/package --try`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const script = (name: string) => pathToFileURL(join(root, 'scripts', 'packaging', name)).href;
const place = mkdtempSync(join(tmpdir(), 'whet-package-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));

describe('the bundled program', () => {
  it('opens models, runs a device’s worker and trainer, and finds what comes with it', { timeout: 240_000 }, async () => {
    const { bundle } = await import(script('stage.mjs'));
    await bundle(root, join(place, 'dist'));
    for (const name of ['models', 'node_modules']) symlinkSync(join(root, name), join(place, name));
    writeFileSync(join(place, 'package.json'), readFileSync(join(root, 'package.json')));
    const whet = (...args: readonly string[]) =>
      spawnSync(process.execPath, [join(place, 'dist', 'main.js'), ...args], { encoding: 'utf8', cwd: place });
    expect(whet('--version').stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
    const inspected = whet('inspect', join(root, 'models', 'motion', 'model.onnx'), '--json');
    expect(JSON.parse(inspected.stdout)).toMatchObject({ proof: { splitMaxAbsDiff: 0 } });
    const listed = whet('models', 'pull');
    expect(listed.stdout + listed.stderr).toContain('mobilenet');
    expect(readdirSync(join(place, 'dist', 'inference'))).toContain('worker.js');
    expect(readdirSync(join(place, 'dist', 'training'))).toContain('trainer.js');
    expect(readdirSync(join(place, 'dist', 'config'))).toContain('whetstone.schema.json');
  });
});

describe('the package', () => {
  it('names its parts, and its scripts are shell', async () => {
    const { writeControl } = await import(script('control.mjs'));
    const tree = join(place, 'tree');
    mkdirSync(tree);
    const licences = [{ name: 'pino', version: '10', license: 'MIT', text: 'MIT License\n\nPermission is granted.' }];
    writeControl(root, tree, { arch: 'arm64', version: '1.2.3', epoch: '1700000000', installedBytes: 2048, licences });
    const text = (path: string) => readFileSync(join(tree, path), 'utf8');
    expect(text('DEBIAN/control')).toMatch(/^Package: whetstone\nVersion: 1\.2\.3\nArchitecture: arm64\n/);
    expect(text('usr/lib/systemd/system/whetstone.service')).toContain('ExecStart=/usr/lib/whetstone/bin/node ');
    expect(text('etc/whetstone/whetstone.yaml') + text('usr/lib/systemd/system/whetstone.service')).not.toContain('/opt/');
    expect(text('usr/share/doc/whetstone/copyright')).toContain('License: pino-MIT\n MIT License\n .\n Permission');
    for (const name of ['postinst', 'prerm', 'postrm']) {
      const { status, stderr } = spawnSync('sh', ['-n', join(tree, 'DEBIAN', name)], { encoding: 'utf8' });
      expect({ name, status, stderr }).toEqual({ name, status: 0, stderr: '' });
    }
    expect(text('DEBIAN/md5sums')).toMatch(/^[0-9a-f]{32} {2}usr\/bin\/whet$/m);
  });
});
