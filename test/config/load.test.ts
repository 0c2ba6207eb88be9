import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ConfigError, loadConfig } from '../../agent/config/load.ts';
import { WhetError } from '../../agent/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'whet-config-'));
afterAll(() => rmSync(folder, { recursive: true }));
const surroundings = { env: {}, home: '/home/me', hostname: 'pi.local' };
const file = join(folder, 'whetstone.yaml');

async function load(text: string | Uint8Array, extra: object = {}) {
  writeFileSync(file, text);
  return loadConfig(file, { ...surroundings, ...extra });
}

async function fault(text: string | Uint8Array): Promise<WhetError> {
  const error = await load(text).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(WhetError);
  expect(error).toMatchObject({ code: 'config-invalid', exit: 78 });
  return error as WhetError;
}

/** `line:column path message` of every problem, in order. */
async function problems(text: string): Promise<readonly string[]> {
  const error = await fault(text);
  expect(error).toBeInstanceOf(ConfigError);
  return (error as ConfigError).problems.map(({ line, column, path, message }) => `${line}:${column} ${path} ${message}`);
}

describe('reading a configuration', () => {
  test('one line is enough; everything else has a default', async () => {
    const { config, warnings } = await load('model: net.onnx\n');
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      file,
      device: 'pi-local',
      model: join(folder, 'net.onnx'),
      card: null,
      threads: 1,
      classes: 'keep',
      mqtt: null,
      log: 'info',
      sources: [],
      cut: { kind: 'layers', layers: 1 },
      state: expect.stringMatching(/^\/home\/me\/\.local\/state\/whetstone\/[\w-]+-[0-9a-f]{8}$/),
      runtimeDir: expect.stringMatching(/^\/home\/me\/\.local\/state\/whetstone\/[\w-]+-[0-9a-f]{8}$/),
      duplicates: { distance: 4, windowSeconds: 60 },
      queries: { below: 0.6, thumbnail: false },
      gate: { forgetting: 0.01 },
    });
  });

  test('folders come from the file, then systemd, then XDG', async () => {
    const env = {
      STATE_DIRECTORY: '/var/lib/whetstone:/var/lib/other',
      RUNTIME_DIRECTORY: '/run/whetstone',
      XDG_STATE_HOME: '/x',
      XDG_RUNTIME_DIR: '/run/user/1',
    };
    expect((await load('model: m', { env })).config).toMatchObject({ state: '/var/lib/whetstone', runtimeDir: '/run/whetstone' });
    const { STATE_DIRECTORY: _, RUNTIME_DIRECTORY: __, ...xdg } = env;
    expect((await load('model: m', { env: xdg })).config).toMatchObject({
      state: expect.stringMatching(/^\/x\/whetstone\/[\w-]+-[0-9a-f]{8}$/),
      runtimeDir: expect.stringMatching(/^\/run\/user\/1\/whetstone\/[\w-]+-[0-9a-f]{8}$/),
    });
    // Who began when there was one folder for all of a user keeps it.
    const exists = (path: string) => path === '/x/whetstone/store.db';
    expect((await load('model: m', { env: xdg, exists })).config).toMatchObject({ state: '/x/whetstone' });
    expect((await load('{model: m, state: s, runtimeDir: ~/r}', { env })).config).toMatchObject({
      state: join(folder, 's'),
      runtimeDir: '/home/me/r',
    });
  });

  test('paths are relative to the file; numbers in a command are text; nothing can be changed afterwards', async () => {
    const { config } = await load(`model: /a/m.onnx
cut: "472"
sources:
  - { name: in, kind: folder, path: pictures }
  - { name: cam, kind: mjpeg, command: [rpicam-vid, -t, 0, -o, "-"] }
mqtt: { url: "mqtts://broker", username: u, passwordFile: pw, ca: ca.pem }
`);
    expect(config.cut).toEqual({ kind: 'tensor', tensor: '472' });
    expect(config.sources).toMatchObject([
      { path: join(folder, 'pictures') },
      { command: ['rpicam-vid', '-t', '0', '-o', '-'], stallSeconds: 10 },
    ]);
    expect(config.mqtt).toMatchObject({
      passwordFile: join(folder, 'pw'),
      ca: join(folder, 'ca.pem'),
      root: 'whetstone',
      protocol: 'auto',
    });
    expect(() => Object.assign(config.sources[0]!, { name: 'x' })).toThrow(TypeError);
  });

  test('a password that every user can read is warned of, one that is not is not', async () => {
    const text = 'model: m\nmqtt:\n  url: mqtt://b\n  username: u\n  password: hunter2\n';
    writeFileSync(file, text);
    chmodSync(file, 0o644);
    const { warnings } = await loadConfig(file, surroundings);
    expect(warnings).toMatchObject([{ path: 'mqtt.password', line: 5, value: null }]);
    chmodSync(file, 0o600);
    expect((await loadConfig(file, surroundings)).warnings).toEqual([]);
  });
});

describe('what is wrong', () => {
  test('is told all at once, with place, path and what is meant', async () => {
    const text = `device: "my pi!"
modle: x.onnx
layers: 2.5
cut: foo
threads: "2"
sources:
  - { name: a, kind: foldr, path: x }
  - { name: a, kind: folder, path: x, rescan_seconds: 3 }
  - { name: b, kind: mjpeg, command: rpicam-vid -o -, framesPerSecond: fast }
queries: { below: 60% }
training: { schedule: "0 3 * *" }
gate:
mqtt: { url: "http://b", cert: c, protocol: 3, root: a/b/c/d }
`;
    expect(await problems(text)).toEqual([
      '1:1 model is missing',
      '1:9 device does not have the right form',
      '2:1 modle is not a setting that is known here',
      '3:9 layers must be a whole number',
      '4:6 cut is given together with layers; keep one of them',
      '5:10 threads must be a number',
      '7:22 sources[0].kind is not one of the values that are allowed',
      '8:13 sources[1].name is also the name of sources[0]',
      '8:39 sources[1].rescan_seconds is not a setting that is known here',
      '9:38 sources[2].command must be a list',
      '9:72 sources[2].framesPerSecond must be a number',
      '10:19 queries.below must be a number',
      '11:23 training.schedule is not a cron expression: expected 5 or 6 fields but got 4',
      '12:6 gate has no value',
      '13:14 mqtt.url is not the address of a broker',
      '13:32 mqtt.cert needs the key that belongs to it',
      '13:45 mqtt.protocol is not one of the values that are allowed',
      '13:54 mqtt.root is not one to three topic levels',
    ]);
    const { hint } = await fault(text);
    for (const remedy of ['Did you mean model?', 'Did you mean folder?', 'Did you mean rescanSeconds?', 'Write it without quotes: 2.'])
      expect(hint).toContain(remedy);
  });

  test('never shows a password', async () => {
    for (const text of [
      'model: m\nmqtt: { url: "mqtt://u:hunter2@b", password: hunter2, passwordFile: f, cert: c, bad: hunter2 }',
      'model: m\nmqtt: mqtt://u:hunter2@b',
      'model: m\nmqtt: { url: mqtt://b, pasword: hunter2 }',
      'model: m\nmqtt: [ { password: hunter2 } ]',
      'model: m\nmqtt: { url: mqtt://b, username: u, password: [hunter2] }',
      'model: m\nsources: [ { name: c, kind: mjpeg, command: "ffmpeg -i rtsp://u:hunter2@cam" } ]',
    ]) {
      const error = await fault(text);
      expect(`${error.message} ${error.hint} ${JSON.stringify((error as ConfigError).problems)}`).not.toContain('hunter2');
    }
  });

  test.each([
    ['', 'is empty'],
    ['[1, 2]', 'is not a list of settings'],
    ['model: [', 'is not valid YAML'],
    ['model: a\nmodel: b\n', 'Map keys must be unique'],
    ['model: a\nqueries:\n\tbelow: 1\n', 'indented with spaces'],
    ['model: !!js/function x\n', 'Unresolved tag'],
    ['model: a\n---\nmodel: b\n', 'Remove the line "---"'],
    ['model: a\nsources: [{ command: [cat, -] }]', 'quote a "-" that stands alone'],
    [
      'a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c]\n',
      'instead of repeating them',
    ],
  ])('text that cannot be read: %j', async (text, said) => {
    const { message, hint } = await fault(text);
    expect(`${message}\n${hint}`).toContain(said);
  });

  test('bytes that are no text, a huge file, a folder, a missing file', async () => {
    expect((await fault(Uint8Array.from([0xff, 0xfe, 0]))).hint).toBe('Save it as UTF-8 text.');
    expect((await fault('#'.repeat(2 * 1024 * 1024))).message).toContain('at most 1048576');
    for (const path of [folder, join(folder, 'none.yaml')])
      await expect(loadConfig(path)).rejects.toMatchObject({ code: 'config-invalid' });
  });
});
