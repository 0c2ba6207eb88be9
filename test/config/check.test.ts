import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exampleCard } from '../../agent/config/card.ts';
import { checkConfig } from '../../agent/config/check.ts';
import { checkCredentials } from '../../agent/config/check-credentials.ts';
import { loadConfig } from '../../agent/config/load.ts';

const folder = mkdtempSync(join(tmpdir(), 'whet-check-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const hasOpenssl = (() => {
  try {
    execFileSync('openssl', ['version']);
    return true;
  } catch {
    return false;
  }
})();

beforeAll(() => {
  for (const name of ['in', 'in/sub', 'other']) mkdirSync(at(name));
  for (const name of ['net.onnx', 'ears.onnx', 'bare.onnx', 'bad.onnx']) writeFileSync(at(name), 'x');
  writeFileSync(at('net.json'), exampleCard('net.onnx'));
  writeFileSync(
    at('ears.json'),
    JSON.stringify({ name: 'ears', input: { kind: 'audio', sampleRate: 8000, samples: 8000 }, labels: ['a'] }),
  );
  writeFileSync(at('bad.json'), '{}');
});

async function check(text: string): Promise<readonly string[]> {
  writeFileSync(at('whetstone.yaml'), text);
  const { config, locate } = await loadConfig(at('whetstone.yaml'), { env: {}, home: folder, hostname: 'pi' });
  const problems = await checkConfig(config, locate);
  for (const { remedy } of problems) expect(remedy).not.toBe('');
  return problems.map(({ line, path, message }) => `${line} ${path} ${message}`);
}

describe('a configuration against the machine', () => {
  test('what is all there has no problems', async () => {
    const text = `model: net.onnx\nsources:\n - { name: a, kind: folder, path: in }\n - { name: b, kind: mjpeg, command: [${process.execPath}] }\ntraining: { schedule: "0 3 * * *" }\n`;
    expect(await check(text)).toEqual([]);
  });

  test('says what the device works without, and what may come by itself', async () => {
    const severities = async (text: string) => {
      writeFileSync(at('whetstone.yaml'), text);
      const { config } = await loadConfig(at('whetstone.yaml'), { env: {}, home: folder, hostname: 'pi' });
      return (await checkConfig(config)).map(({ path, severity }) => `${path} ${severity ?? 'refuse'}`);
    };
    const sources = `sources:\n - { name: a, kind: folder, path: nope }\n - { name: b, kind: mjpeg, command: [no-such-camera] }\n - { name: c, kind: folder, path: . }\n`;
    const mqtt = 'mqtt: { url: "mqtts://b:8883", ca: nope.pem }\nstate: ./s\n';
    expect(await severities(`model: net.onnx\n${sources}${mqtt}`)).toEqual([
      'sources[0].path degraded',
      'sources[1].command[0] degraded',
      'sources[2].path refuse',
      'mqtt.ca degraded',
    ]);
    expect(await severities('model: none.onnx')).toEqual(['model absent']);
    expect(await severities('model: in')).toEqual(['model refuse']);
  });

  test('model and card', async () => {
    expect(await check('model: none.onnx')).toEqual(['1 model there is no such file']);
    expect(await check('model: in')).toEqual(['1 model is a folder, not a model file']);
    expect(await check('model: bare.onnx')).toEqual([expect.stringContaining('bare.onnx has no model card')]);
    expect(await check('model: bad.onnx')).toEqual([expect.stringMatching(/^1 model .*bad\.json has 2 problems$/)]);
    expect(await check('model: net.onnx\ncard: none.json')).toEqual([expect.stringMatching(/^2 card the model card .* cannot be read/)]);
  });

  test('folders and programs of sources, state inside a source, seconds in the schedule, socket path', async () => {
    const text = `model: net.onnx
state: in/state
runtimeDir: ${'d'.repeat(120)}
training: { schedule: "* * * * * *" }
sources:
 - { name: a, kind: folder, path: nope }
 - { name: b, kind: folder, path: net.onnx }
 - { name: c, kind: folder, path: in }
 - { name: d, kind: folder, path: in/sub }
 - { name: e, kind: folder, path: other }
 - { name: f, kind: mjpeg, command: [no-such-camera] }
 - { name: g, kind: mjpeg, command: ["ffmpeg -i x"] }
 - { name: h, kind: mjpeg, command: [${at('net.json')}] }
`;
    expect(await check(text)).toEqual([
      expect.stringMatching(/^3 runtimeDir is too long for a socket/),
      '4 training.schedule comes up every 1 s',
      '6 sources[0].path there is no such folder',
      '7 sources[1].path is a file, not a folder',
      '8 sources[2].path holds the state folder: the device would learn from its own files',
      '9 sources[3].path lies within or around the folder of sources[2]: captures would be taken twice',
      '11 sources[5].command[0] is not installed, or not on the PATH',
      '12 sources[6].command[0] is not installed, or not on the PATH',
      '13 sources[7].command[0] is not a program that may be run',
    ]);
  });

  test('sources that do not give what the model takes, and what is missing to hear', async () => {
    const hears = `model: ears.onnx\nsources:\n - { name: a, kind: microphone, command: [${process.execPath}] }\n - { name: b, kind: folder, path: in }\n`;
    expect(await check(hears)).toEqual([]);
    expect(await check(`${hears} - { name: c, kind: mjpeg, command: [${process.execPath}] }\n`)).toEqual([
      '5 sources[2].kind gives image, and the model takes audio (its card says so)',
    ]);
    expect(await check('model: net.onnx\nsources:\n - { name: a, kind: microphone, command: [no-such-recorder] }\n')).toEqual([
      '3 sources[0].kind gives audio, and the model takes image (its card says so)',
      '3 sources[0].command[0] is not installed, or not on the PATH',
    ]);
    await expect(check('model: ears.onnx\nsources: [{ name: a, kind: microphone, device: "-x; rm" }]\n')).rejects.toThrow();
  });

  test.skipIf(!hasOpenssl)('certificates, keys and the password file (needs openssl)', async () => {
    for (const name of ['one', 'two']) {
      const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=x'];
      execFileSync('openssl', [...args, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)], { stdio: 'ignore' });
      chmodSync(at(`${name}.key`), 0o600);
    }
    writeFileSync(at('pw'), 'secret\n', { mode: 0o600 });
    writeFileSync(at('open-pw'), '\n', { mode: 0o644 });
    chmodSync(at('open-pw'), 0o644);
    const base = {
      username: 'u',
      root: 'w',
      protocol: 'auto',
      keepaliveSeconds: 30,
      outboxMegabytes: 1,
      outboxDays: 1,
      sessionHours: 1,
    } as const;
    const said = async (fields: object, nowMs?: number) =>
      (await checkCredentials({ ...base, url: 'mqtts://b', ...fields }, nowMs)).map(({ path, message }) => `${path.join('.')} ${message}`);
    const good = { passwordFile: at('pw'), ca: at('one.pem'), cert: at('two.pem'), key: at('two.key') };
    expect(await said(good)).toEqual([]);
    expect(await said({ ...good, key: at('one.key') })).toEqual(['mqtt.key does not belong to cert']);
    expect(await said({ ca: at('one.key') })).toEqual([expect.stringContaining('mqtt.ca holds no certificate')]);
    expect(await said({ ca: at('none.pem') })).toEqual([expect.stringContaining('mqtt.ca cannot be read')]);
    expect(await said({ ca: at('one.pem') }, Date.now() + 3 * 86_400_000)).toEqual([expect.stringContaining('mqtt.ca expired on')]);
    expect(await said({ passwordFile: at('open-pw') })).toEqual([
      'mqtt.passwordFile has an empty first line',
      'mqtt.passwordFile can be read by every user of this machine',
    ]);
    expect(await said({ url: 'mqtt://b', ca: at('one.pem') })).toEqual(['mqtt.ca is not used: the address is not encrypted']);
  });
});
