// A device of the rig: its folder with two base models, a folder source and a camera, its configuration, its socket, and its store to look into.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { commandNames } from '../../dist/config/command-names.js';
import { decodeModel } from '../../dist/onnx/codec/decode.js';
import { encodeModel } from '../../dist/onnx/codec/encode.js';
import { createControlClient } from '../../dist/operations/control-client.js';
import { createReleases } from '../../dist/release/releases.js';
import { commandOf, signalAll, startDaemon } from './daemon.mjs';
import { classes, picture } from './pictures.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const model = here('../../models/objects/model.onnx');
/** Room for everything that a run of hours leaves; what fills it is a file of the rig. */
const diskMegabytes = 200;

export async function createDevice(folder, name, brokerUrl) {
  const path = (...parts) => join(folder, ...parts);
  for (const part of ['inbox', 'camera/pids', 'disk', 'models']) mkdirSync(path(part), { recursive: true });
  for (const label of classes) writeFileSync(path('camera', `${label}.jpg`), await picture(label, 7));
  writeFileSync(path('models', 'a.onnx'), readFileSync(model));
  writeFileSync(path('models', 'b.onnx'), otherWeights(readFileSync(model)));
  writeFileSync(path('base.json'), readFileSync(model.replace('.onnx', '.json')));
  const hasDisk = mount(path('disk'));
  let base = 'b';
  let daemon = null;
  const state = path('disk', 'state');
  const camera = JSON.stringify([process.execPath, here('./camera.mjs'), path('camera')]);
  writeFileSync(
    path('whetstone.yaml'),
    [
      ...[`device: ${name}`, 'model: base.onnx', `state: ${JSON.stringify(state)}`, 'runtimeDir: run', 'classes: replace'],
      'sources:',
      '  - {name: inbox, kind: folder, path: inbox, rescanSeconds: 1}',
      `  - {name: eye, kind: mjpeg, command: ${camera}, framesPerSecond: 0.5, stallSeconds: 2}`,
      ...['duplicates: {windowSeconds: 0}', 'queries: {perHour: 3600, below: 1}', 'training: {minNewLabels: 8, minPerClass: 3}'],
      'retention: {releases: 50, unlabelledSamples: 1000000}',
      `mqtt: {url: "${brokerUrl}", commands: [${commandNames.join(', ')}]}`,
      '',
    ].join('\n'),
  );
  const device = {
    ...{ name, folder, state, hasDisk },
    client: createControlClient(path('run', 'control.sock')),
    releases: createReleases(path('disk', 'state', 'releases'), { now: Date.now, monotonicMs: () => performance.now() }),
    start() {
      const preload = `--import=${new URL('./shifted-clock.mjs', import.meta.url).href}`;
      const env = { ...process.env, NODE_OPTIONS: preload, WHET_SHIFTED_CLOCK: path('shift') };
      daemon = startDaemon([process.execPath, here('../../dist/main.js'), 'run', '--config', path('whetstone.yaml')], env);
      return daemon;
    },
    drop: (file, bytes) => put(path('inbox', file), bytes),
    /** The other of the two base models lies there from now on. */
    changeBase() {
      base = base === 'a' ? 'b' : 'a';
      put(path('base.onnx'), readFileSync(path('models', `${base}.onnx`)));
    },
    setCamera: (mode) => put(path('camera', 'mode'), mode),
    setClock: (shiftMs) => put(path('shift'), String(shiftMs)),
    fillDisk: () => fill(path('disk', 'filler')),
    emptyDisk: () => rmSync(path('disk', 'filler'), { force: true }),
    /** When a release was last added, removed, or made the current one. */
    releasesChangedMs: () => statSync(path('disk', 'state', 'releases'), { throwIfNoEntry: false })?.mtimeMs ?? 0,
    candidates: () => readdirSync(path('disk', 'state', 'candidates')),
    rows(sql) {
      const database = new DatabaseSync(join(state, 'store.db'), { readOnly: true, timeout: 5000 });
      try {
        return database.prepare(sql).all();
      } finally {
        database.close();
      }
    },
    /** Camera programs that hang outlive a daemon that is killed; a service manager ends them with it, and so does the rig. */
    endCameras() {
      const pids = readdirSync(path('camera', 'pids')).map(Number);
      signalAll(
        pids.filter((pid) => commandOf(pid).includes('camera.mjs')),
        'SIGKILL',
      );
      for (const pid of pids) rmSync(path('camera', 'pids', String(pid)), { force: true });
    },
    async close() {
      await daemon?.kill();
      device.endCameras();
      if (hasDisk) execFileSync('umount', ['-l', path('disk')]);
    },
  };
  device.changeBase();
  return device;
}

/** At once and whole, as whoever writes into a watched folder should. */
function put(path, bytes) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.part`, bytes);
  renameSync(`${path}.part`, path);
}

/** The same network with other weights in its first layer. */
function otherWeights(bytes) {
  const decoded = decodeModel(bytes);
  const [name, tensor] = [...decoded.graph.initializers].find(([, { data }]) => data instanceof Int8Array && data.length > 100);
  const initializers = new Map(decoded.graph.initializers).set(name, { ...tensor, data: tensor.data.toReversed() });
  return encodeModel({ ...decoded, graph: { ...decoded.graph, initializers } });
}

/** Whether the state has a small disk of its own, that can be filled. */
function mount(folder) {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMegabytes}m`, 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Writes until nothing more fits. */
function fill(path) {
  for (const size of [1 << 20, 1 << 12, 1]) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(size), { flag: 'a' });
    } catch {
      // That is what it is for.
    }
  }
}
