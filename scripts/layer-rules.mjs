// The picture of the source as a table: rooms from top to bottom, who may import which package, and what else `layers.mjs` checks.
// A room is a folder of agent/, or a file that lies directly in it.

/** The picture, top to bottom. A room imports from levels below its own; `mutual`: also from the rooms beside it (cycles are refused). */
export const levels = [
  { name: 'main', rooms: ['main.ts'] },
  { name: 'cli', rooms: ['cli'] },
  { name: 'composition', rooms: ['daemon.ts', 'open-device.ts'] },
  { name: 'outlets', rooms: ['outlets'] },
  { name: 'operations', rooms: ['operations'] },
  { name: 'engine', rooms: ['engine'] },
  { name: 'worker and trainer', rooms: ['inference', 'training'] },
  {
    name: 'one-shot jobs',
    mutual: true,
    rooms: [
      'adapt.ts',
      'adapt',
      'quantize.ts',
      'quantize',
      'compile.ts',
      'predict.ts',
      'predict',
      'doctor.ts',
      'doctor',
      'catalog',
      'demo',
    ],
  },
  { name: 'tasks', rooms: ['tasks'] },
  { name: 'candidate', rooms: ['candidate'] },
  { name: 'events', rooms: ['events.ts'] },
  { name: 'stages', rooms: ['capture', 'preprocess', 'learn', 'store', 'release', 'uplink', 'host', 'dashboard'] },
  { name: 'contract', rooms: ['contract'] },
  { name: 'mqtt', rooms: ['mqtt'] },
  { name: 'model', rooms: ['model'] },
  { name: 'autodiff', rooms: ['autodiff'] },
  { name: 'onnx and runtime', mutual: true, rooms: ['onnx', 'runtime'] },
  {
    name: 'leaves',
    mutual: true,
    rooms: ['types.ts', 'errors.ts', 'installation.ts', 'log.ts', 'random.ts', 'printable.ts', 'clock.ts', 'bits.ts', 'config'],
  },
];

/**
 * Tables that a room below reads all the same, and the kinds of records in them: what can be configured follows from what can be created, so that a
 * new kind is one record. Only this file, by this room; circles of files are refused as everywhere.
 */
export const tables = [{ room: 'config', may: ['agent/capture/kinds.ts'] }];

const jobs = levels.find(({ name }) => name === 'one-shot jobs').rooms;

/** Rooms that are imported by these others only, not by everything above them; `open`: files in them that everything above may import. */
export const reserved = [
  {
    rooms: ['autodiff', 'onnx', 'runtime'],
    // A command makes the value that everything below it is handed.
    open: ['agent/runtime/telemetry-off.ts', 'agent/runtime/runtime.ts'],
    only: [
      'learn',
      'release',
      'model',
      'autodiff',
      'onnx',
      'runtime',
      'candidate',
      ...levels
        .slice(
          levels.findIndex(({ name }) => name === 'composition'),
          levels.findIndex(({ name }) => name === 'tasks'),
        )
        .flatMap(({ rooms }) => rooms),
    ],
    remedy: 'go through agent/model, or let a loop do it; the table is in scripts/layer-rules.mjs',
  },
  {
    // They stand on their own: a device neither runs them nor is known to them.
    rooms: jobs,
    open: [],
    only: ['cli', ...jobs],
    remedy: 'move what both need to agent/candidate or below',
  },
];

/** Who may import which package, and in how many files at most. A package that is not here is refused, so that a new one is a decision. */
export const packages = {
  'onnxruntime-node': { in: ['runtime/'], files: 2 },
  '@bufbuild/protobuf': { in: ['onnx/'], files: 4 },
  '@tensorflow/tfjs-node': { in: ['learn/'], files: 1 },
  // Its types only: the code comes with @tensorflow/tfjs-node, where that is installed.
  '@tensorflow/tfjs-core': { in: ['learn/tfjs/load.ts'], files: 1 },
  aedes: { in: ['demo/'], files: 1 },
  sharp: { in: ['preprocess/'], files: 1 },
  mqtt: { in: ['mqtt/'], files: 1 },
  'node:sqlite': { in: ['store/'], files: 2 },
  yaml: { in: ['config/'], files: 2 },
  'node-cron': { in: ['config/'], files: 1 },
  commander: { in: ['cli/'], files: 16 },
  'cli-progress': { in: ['cli/'], files: 1 },
  pino: { in: ['log.ts'], files: 1 },
  zod: {
    in: ['config/', 'contract/', 'operations/', 'capture/', 'release/', 'store/', 'learn/', 'training/', 'model/', 'onnx/', 'catalog/'],
    // One a kind of source and one an operation: their records carry their schemas.
    files: 65,
  },
};

/** Packages that scripts and tests, too, use through their room only: what it sees to (here: telemetry off) then holds for them all. */
export const doors = {
  // The test runs what is written for programs that have the runtime and no Whetstone.
  'onnxruntime-node': { in: ['agent/runtime/', 'test/compile.test.ts'], remedy: 'openSession of agent/runtime/session.ts opens it' },
};

/** Rooms that compute and touch nothing outside themselves. */
export const pure = {
  rooms: ['onnx', 'autodiff'],
  refused: /^node:(fs|net|child_process|http2?|https|tls|dgram|dns|worker_threads|sqlite|process|os)(\/|$)/,
};

/** Files that may end the process: the entry of the command line, and entries of processes and threads of their own. */
export const mayExit = ['main.ts', 'training/trainer.ts', 'inference/worker.ts', 'inference/decode-apart.ts'];

export const maxLines = 300;
/** Written by a program: bound by no rule. */
export const generated = ['agent/onnx/proto/onnx_pb.ts'];
