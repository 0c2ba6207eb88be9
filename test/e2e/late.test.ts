// What comes late or is out of date when a device starts: a disk that is not mounted, a program that is not installed, a certificate that ran
// out, a model that is not there. The real daemon starts with what there is and takes up the rest when it comes.
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../broker.ts';
import { createDevice, eventually, photographs, type TestDevice, whet } from './daemon.ts';

const open: TestDevice[] = [];

afterEach(async () => {
  for (const device of open.splice(0)) await device.close();
});

/** Ran out on the second of January 2020; nobody has its key. */
const expired = `-----BEGIN CERTIFICATE-----
MIIBDDCBsgIBATAKBggqhkjOPQQDAjASMRAwDgYDVQQDDAdyYW4tb3V0MB4XDTIw
MDEwMTAwMDAwMFoXDTIwMDEwMjAwMDAwMFowEjEQMA4GA1UEAwwHcmFuLW91dDBZ
MBMGByqGSM49AgEGCCqGSM49AwEHA0IABG/oS/1Upodt6NJLcFykvkJWTMforLKV
7DPyNzwixIwvF+JGnUQ+wDumaPCo4NMx91Q/Ls3kehNtKzeh8N3TSG8wCgYIKoZI
zj0EAwIDSQAwRgIhAMDTR4WIdjyTzPVG7ZBvVPK7jVdOEY3JSYb2AP6yOUNMAiEA
9Brh87wfXxavP8Q4X3yR7KV4SYTBfR8hxZh9YbF9a3U=
-----END CERTIFICATE-----
`;

describe('a device whose parts come late', { timeout: 300_000 }, () => {
  it('starts without a folder and a camera, says so, and takes the folder when it is mounted', async () => {
    const sources = [
      '{name: stick, kind: folder, path: mnt/stick, rescanSeconds: 1}',
      '{name: eye, kind: mjpeg, command: [no-such-camera]}',
    ];
    const device = createDevice('late', ['training: {minNewLabels: 100000}'], { sources });
    open.push(device);
    const checked = await device.whet('check', '--json');
    expect(checked.code).toBe(69);
    const daemon = await device.start();
    expect(daemon.said).toContain('there is no such folder');
    const states = async () => Object.fromEntries((await device.client.status({})).sources.map(({ name, state }) => [name, state]));
    await eventually('both are degraded', async () => {
      const { stick, eye } = await states();
      return stick === 'degraded' && eye === 'degraded';
    });
    const [picture] = await photographs(['disc'], 1, 5);
    device.drop('a.jpg', picture!.bytes);
    mkdirSync(join(device.folder, 'mnt'));
    renameSync(device.inbox, join(device.folder, 'mnt', 'stick'));
    await eventually('the picture', async () => (await device.client.status({})).samples.total === 1);
    expect(await states()).toEqual({ stick: 'running', eye: 'degraded' });
  });

  it('starts with a certificate that ran out, collects, and says why there is no connection', async () => {
    const port = await freePort();
    const device = createDevice('expired', [`mqtt: {url: "mqtts://127.0.0.1:${port}", ca: ca.pem}`]);
    open.push(device);
    writeFileSync(join(device.folder, 'ca.pem'), expired);
    const daemon = await device.start();
    expect(daemon.said).toContain('expired on');
    const [picture] = await photographs(['disc'], 1, 6);
    device.drop('a.jpg', picture!.bytes);
    const status = await eventually('the picture, and the reason', async () => {
      const now = await device.client.status({});
      return now.samples.total === 1 && now.mqtt?.failure != null ? now : null;
    });
    expect(status.mqtt).toMatchObject({ connected: false });
  });

  it('whose model is not there yet ends so that the service tries again', async () => {
    const device = createDevice('absent', []);
    open.push(device);
    const run = await whet('run', '--config', device.config.replace('whetstone.yaml', 'none.yaml'));
    expect(run.code).toBe(78);
    execFileSync('sed', ['-i', 's#^model: .*#model: none.onnx#', device.config]);
    const { code, stderr } = await device.whet('run');
    expect({ code, stderr }).toEqual({ code: 75, stderr: expect.stringContaining('there is no such file') });
  });
});
