// Looks at what processes do, not at what they say: in a network namespace of their own, with an empty home, under strace. Nothing may be
// sent or connected to beyond this machine, and none of the files may appear that ONNX Runtime's reporting to its maker leaves behind.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDevice, eventually, photographs, type TestDevice } from '../e2e/daemon.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = join(root, 'agent/main.ts');
const model = join(root, 'models/objects/model.onnx');
const works = (command: readonly string[]) => spawnSync(command[0]!, command.slice(1)).status === 0;

/** Without a network even for ordinary users, where the kernel lets them; null where neither way works. */
const alone =
  [
    ['unshare', '-n'],
    ['unshare', '-rn'],
  ].find((command) => works([...command, 'true'])) ?? null;
/** The loopback interface of a new namespace is down; what needs a broker on this machine needs it up. */
const withLoopback = ['sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
const hasLoopback = alone !== null && works([...alone, ...withLoopback, 'true']);
/** -D: the process started is the program itself, so that signals reach it; the tracer is its grandchild. */
const tracer = ['strace', '-D', '-f', '-qq', '-s', '256', '-e', 'trace=connect,sendto,sendmsg,sendmmsg,open,openat,creat', '-o'];
const traces = alone !== null && works([...alone, ...tracer, '/dev/null', 'true']);

interface Seen {
  /** Lines of the trace that name an address beyond this machine. */
  readonly calls: readonly string[];
  /** Files that the runtime's reporting writes, wherever. */
  readonly reporting: readonly string[];
  /** Threads that loaded ONNX Runtime: proof that there was something to look at. null without strace. */
  readonly loaded: number | null;
}
const nothing = { calls: [], reporting: [] };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whet telemetry '));
  for (const name of ['home', 'tmp']) mkdirSync(join(folder, name));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** As on a machine where nobody thought of it: without the variable, or with what somebody set it to. */
function environment(variable?: string): NodeJS.ProcessEnv {
  // These alone: on build servers, which it knows by CI and a dozen other variables, the runtime keeps still by itself.
  const kept = Object.entries(process.env).filter(([name]) => /^(PATH|LANG|LC_.*|USER|LOGNAME|TERM|NO_COLOR)$/.test(name));
  const set = variable === undefined ? {} : { ORT_DISABLE_TELEMETRY: variable };
  return { ...Object.fromEntries(kept), HOME: join(folder, 'home'), TMPDIR: join(folder, 'tmp'), ...set };
}

function watch(args: readonly string[], settings: { readonly variable?: string; readonly loopback?: boolean } = {}): ChildProcess {
  const traced = traces ? [...tracer, join(folder, 'trace')] : [];
  const command = [...(alone ?? []), ...(settings.loopback === true ? withLoopback : []), ...traced, process.execPath, ...args];
  return spawn(command[0]!, command.slice(1), { env: environment(settings.variable), cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** What it printed, once it and its tracer have ended. */
function end(child: ChildProcess): Promise<{ readonly code: number | null; readonly said: string }> {
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (part) => {
      said += part;
    });
  }
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, said })));
}

const beyond = (line: string) =>
  /sa_family=AF_INET/.test(line) && !/inet_addr\("127\.|inet_pton\(AF_INET6, "(::1|::ffff:127\.[\d.]+)"/.test(line);

function look(): Seen {
  const left = ['home', 'tmp'].flatMap((name) =>
    readdirSync(join(folder, name), { recursive: true }).map((path) => join(name, String(path))),
  );
  const isReporting = (text: string) => /mat-debug|\.ses$|deviceid|Microsoft|onnxruntime\.db|^home\/\.cache/.test(text);
  if (!traces) return { calls: [], reporting: left.filter(isReporting), loaded: null };
  const lines = readFileSync(join(folder, 'trace'), 'utf8').split('\n');
  const written = lines.filter((line) => /O_CREAT|creat\(/.test(line)).map((line) => /"([^"]*)"/.exec(line)?.[1] ?? '');
  const loading = lines.filter((line) => line.includes('libonnxruntime.so') && !line.includes('ENOENT')).map((line) => line.split(' ')[0]);
  return {
    calls: lines.filter(beyond),
    reporting: [...left, ...written].filter(isReporting),
    loaded: new Set(loading).size,
  };
}

/** The runtime was really there: in at least so many threads or processes. */
const expectLoaded = (seen: Seen, threads: number) => seen.loaded === null || expect(seen.loaded).toBeGreaterThanOrEqual(threads);

/** A whole life: captures with labels come, a release is learned, it is told to stop. */
async function liveToRelease(device: TestDevice, daemon: ChildProcess): Promise<void> {
  const ended = end(daemon);
  for (const { label, name, bytes } of await photographs(['disc', 'stripes'], 12, 1)) device.drop(`${label}/${name}`, bytes);
  const releases = () => readdirSync(join(device.state, 'releases')).find((name) => /^\d{6}-/.test(name));
  await eventually('a release', releases, 80_000);
  daemon.kill('SIGTERM');
  expect(await ended).toMatchObject({ code: 0 });
}

describe.skipIf(alone === null)(
  'what leaves the machine (skipped where `unshare -n` and `unshare -rn` do not work)',
  { timeout: 120_000 },
  () => {
    it('is seen here: the bare runtime leaves a log and the id of the device', async () => {
      const program = `import ort from ${JSON.stringify(import.meta.resolve('onnxruntime-node'))};
        await (await ort.InferenceSession.create(${JSON.stringify(model)})).release();`;
      expect(await end(watch(['--input-type=module', '-e', program]))).toMatchObject({ code: 0 });
      const seen = look();
      expect(seen.reporting).toContainEqual(expect.stringContaining('deviceid'));
      expect(seen.reporting).toContainEqual(expect.stringContaining('mat-debug'));
      expectLoaded(seen, 1);
    });

    it.skipIf(!traces)(
      'is seen here: packets and connections (skipped where strace does not work: then files alone are looked at)',
      async () => {
        const program = `const socket = require('node:dgram').createSocket('udp4');
        socket.send('x', 53, '192.0.2.1', () => socket.close());
        require('node:net').connect(443, '2001:db8::2').on('error', () => {});
        require('node:net').connect(443, '127.0.0.1').on('error', () => {});`;
        expect(await end(watch(['-e', program]))).toMatchObject({ code: 0 });
        const said = look().calls.join(' ');
        expect(said).toContain('192.0.2.1');
        expect(said).toContain('2001:db8::2');
        expect(said).not.toContain('127.0.0.1');
      },
    );

    it.each([undefined, '0'])(
      'is nothing of `whet inspect`, whatever the environment says (ORT_DISABLE_TELEMETRY=%s)',
      async (variable) => {
        const { code, said } = await end(watch([main, 'inspect', model], variable === undefined ? {} : { variable }));
        expect({ code, said }).toMatchObject({ code: 0 });
        const seen = look();
        expect(seen).toMatchObject(nothing);
        expectLoaded(seen, 1);
      },
    );

    it('is nothing of `whet adapt`', async () => {
      for (const { label, name, bytes } of await photographs(['disc', 'stripes'], 8, 3)) {
        mkdirSync(join(folder, 'data', label), { recursive: true });
        writeFileSync(join(folder, 'data', label, name), bytes);
      }
      const args = [
        main,
        'adapt',
        model,
        '--data',
        join(folder, 'data'),
        '--out',
        join(folder, 'out.onnx'),
        '--classes',
        'replace',
        '--force',
      ];
      expect(await end(watch(args))).toMatchObject({ code: 0 });
      const seen = look();
      expect(seen).toMatchObject(nothing);
      expectLoaded(seen, 1);
    });

    it('is nothing of `whet run`: daemon, inference worker and trainer', async () => {
      const device = createDevice('quiet', [
        'classes: replace',
        'duplicates: {windowSeconds: 0}',
        'training: {minNewLabels: 24, minPerClass: 3}',
      ]);
      const daemon = watch([main, 'run', '--config', device.config]);
      try {
        await liveToRelease(device, daemon);
        const seen = look();
        expect(seen).toMatchObject(nothing);
        expectLoaded(seen, 2);
      } finally {
        daemon.kill('SIGKILL');
        await device.close();
      }
    });

    it.skipIf(!traces || !hasLoopback)(
      'is, of a device with a camera and a broker, what its configuration names, and no file outside its own folders (skipped without strace or `ip`)',
      async () => {
        const camera = join(folder, 'camera.mjs');
        const [picture] = await photographs(['disc'], 1, 9);
        writeFileSync(join(folder, 'frame.jpg'), picture!.bytes);
        const frame = `readFileSync(${JSON.stringify(join(folder, 'frame.jpg'))})`;
        writeFileSync(camera, `import { readFileSync } from 'node:fs'; setInterval(() => process.stdout.write(${frame}), 200);`);
        const sources = [
          '{name: inbox, kind: folder, path: inbox, rescanSeconds: 1}',
          `{name: eye, kind: mjpeg, command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(camera)}]}`,
        ];
        const lines = [
          'classes: replace',
          'duplicates: {windowSeconds: 0}',
          'training: {minNewLabels: 24, minPerClass: 3}',
          'mqtt: {url: "mqtt://127.0.0.1:18999"}',
        ];
        const device = createDevice('named', lines, { sources });
        const daemon = watch([main, 'run', '--config', device.config], { loopback: true });
        try {
          await liveToRelease(device, daemon);
        } finally {
          daemon.kill('SIGKILL');
          await device.close();
        }
        const calls = readFileSync(join(folder, 'trace'), 'utf8').split('\n');
        const ports = calls.filter((line) => /AF_INET/.test(line)).map((line) => /htons\((\d+)\)/.exec(line)?.[1]);
        expect(new Set(ports)).toEqual(new Set(['18999']));
        const created = calls.filter((line) => /O_CREAT|creat\(/.test(line) && !/ = -1 /.test(line));
        const outside = created.map((line) => /"([^"]*)"/.exec(line)?.[1] ?? '').filter((path) => path.startsWith('/'));
        expect(outside.filter((path) => !path.startsWith(device.folder) && !/^\/(dev|proc)\//.test(path))).toEqual([]);
        expect(look()).toMatchObject(nothing);
      },
    );

    it.skipIf(!hasLoopback)('is nothing of `whet demo` (skipped where `ip` cannot raise the loopback interface)', async () => {
      // One word of each digit is short, and too little for a verdict to be relied on: 75 says that the demo ran, and nothing was adapted.
      const { code, said } = await end(watch([main, 'demo', '--json', '--words', '1'], { loopback: true }));
      expect([0, 75], said).toContain(code);
      const seen = look();
      expect(seen).toMatchObject(nothing);
      expectLoaded(seen, 2);
    });
  },
);

describe('telemetry', () => {
  const variableAfter = (...args: readonly string[]) => {
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: root, env: environment('0') });
    return /variable is (\w+)/.exec(stdout + stderr)?.[1] ?? stderr;
  };
  const tell = 'process.on("exit", () => console.log("variable is", process.env.ORT_DISABLE_TELEMETRY))';

  // Each of them alone: a daemon whose main thread sets it makes up for a worker's side that does not.
  it.each(['agent/runtime/session.ts', 'agent/inference/inference.ts', 'scripts/bench/peer.mjs'])('is off after importing %s', (file) => {
    const program = `${tell}; await import(${JSON.stringify(pathToFileURL(join(root, file)).href)});`;
    expect(variableAfter('--input-type=module', '-e', program)).toBe('1');
  });

  it('is off in the command line, before any verb', () => {
    expect(variableAfter('--import', `data:text/javascript,${encodeURIComponent(tell)}`, main, '--version')).toBe('1');
  });
});
