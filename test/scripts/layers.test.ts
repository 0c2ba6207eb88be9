import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../scripts/layers.mjs', import.meta.url));

/** A tree that keeps every rule; each case breaks one. */
const sound: Record<string, string> = {
  'agent/main.ts':
    "#!/usr/bin/env node\n// Entry.\nimport './runtime/telemetry-off.ts';\nimport { program } from './cli/program.ts';\nprocess.exit(program());\n",
  'agent/cli/program.ts': "// Verbs.\nimport { run } from '../daemon.ts';\nexport const program = () => run();\n",
  'agent/cli/output.ts': "// Output.\nimport progress from 'cli-progress';\nexport const bar = progress;\n",
  'agent/daemon.ts': "// Root.\nimport { collect } from './engine/collect.ts';\nexport const run = () => collect();\n",
  'agent/engine/collect.ts':
    "// Loop.\nimport { read } from '../capture/folder.ts';\nimport { cut } from '../onnx/cut.ts';\nexport const collect = () => read() + cut;\n",
  'agent/capture/folder.ts':
    "// Source. It is not `import x from '../store/db.ts'`.\nimport { log } from '../log.ts';\nexport const read = () => log;\n",
  'agent/capture/kinds.ts': '// Table. It is read from below by the configuration.\nexport const kinds = [];\n',
  'agent/config/schema.ts': "// Schema.\nimport { kinds } from '../capture/kinds.ts';\nexport const schema = kinds;\n",
  'agent/store/db.ts': "// Store.\nimport { DatabaseSync } from 'node:sqlite';\nexport const db = DatabaseSync;\n",
  'agent/onnx/surgery/cut.ts':
    "// Cut. The circle with `rule.ts` is one of types.\nimport type { Rule } from './rule.ts';\nexport const cut: Rule = 1;\n",
  'agent/onnx/rule.ts': "// Rule.\nimport { cut } from './cut.ts';\nexport type Rule = number;\nexport const rule = cut;\n",
  'agent/onnx/y.ts': "// Half of a circle.\nimport { z } from './z.ts';\nexport const y = z;\n",
  'agent/runtime/session.ts': "// Door.\nimport * as ort from 'onnxruntime-node';\nexport const open = ort;\n",
  'agent/runtime/telemetry-off.ts': '// Off.\n',
  'test/compile.test.ts': "import * as ort from 'onnxruntime-node';\n",
  'agent/log.ts': "// Log.\nexport const log = 1; // import('../store/db.ts')\n",
};

function write(root: string, files: readonly (readonly [string, string])[]): void {
  for (const [file, text] of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
}

function lint(root: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, root], { encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

const broken: readonly (readonly [what: string, file: string, text: string, line: number, rule: string])[] = [
  [
    'an engine that knows an operation',
    'agent/engine/y1.ts',
    "// y\nimport { forget } from '../operations/forget.ts';\n",
    2,
    "'engine' stands below 'operations'",
  ],
  [
    'an operation that knows an outlet',
    'agent/operations/y2.ts',
    "// y\nimport { tell } from '../outlets/mqtt.ts';\n",
    2,
    "'operations' stands below 'outlets'",
  ],
  [
    'a trainer that knows the engine',
    'agent/training/y3.ts',
    "// y\nimport { collect } from '../engine/collect.ts';\n",
    2,
    "stands below 'engine'",
  ],
  [
    'a trainer that knows the worker',
    'agent/training/y4.ts',
    "// y\nimport { start } from '../inference/inference.ts';\n",
    2,
    "'training' and 'inference' do not import",
  ],
  [
    'a device that runs a one-shot job',
    'agent/engine/y5.ts',
    "// y\nimport { adapt } from '../adapt.ts';\n",
    2,
    "'engine' does not import 'adapt.ts'",
  ],
  [
    'a one-shot job that knows a device',
    'agent/adapt/y6.ts',
    "// y\nimport { collect } from '../engine/collect.ts';\n",
    2,
    "stands below 'engine'",
  ],
  [
    'events that know who listens',
    'agent/events.ts',
    "// y\nimport { collect } from './engine/collect.ts';\n",
    2,
    "'events' stands below 'engine'",
  ],
  ['an import that points up', 'agent/capture/x1.ts', "// x\nimport { run } from '../daemon.ts';\n", 2, 'imports point down'],
  [
    'a stage that is read from below, but for its table',
    'agent/config/x9.ts',
    "// x\nimport { read } from '../capture/folder.ts';\n",
    2,
    'imports point down',
  ],
  [
    'a type that comes from above',
    'agent/capture/x2.ts',
    "// x\n\nimport type {\n  A,\n} from '../cli/program.ts';\n",
    5,
    'imports point down',
  ],
  [
    'a path that is a part of an address',
    'test/x.ts',
    "// x\nconst path = new URL('../models', import.meta.url)" + '.pathname;\n',
    2,
    'a path is not a part of an address',
  ],
  [
    'a script that imports what is gone',
    'scripts/bench/x.mjs',
    "// x\nimport { db } from '../../dist/store/old.js';\n",
    2,
    "'agent/store/old.ts' is not there",
  ],
  [
    'a script that imports what has another name',
    'scripts/x.mjs',
    "// x\nimport { other as db } from '../dist/store/db.js';\n",
    2,
    "'agent/store/db.ts' exports no 'other'",
  ],
  [
    'a stage that imports a stage',
    'agent/capture/x3.ts',
    "// x\nimport { db } from '../store/db.ts';\n",
    2,
    "'capture' and 'store' do not import",
  ],
  [
    'a dynamic import',
    'agent/capture/x4.ts',
    "// x\nexport const f = () => import('../store/db.ts');\n",
    2,
    "'capture' and 'store' do not import",
  ],
  ['a stage that cuts graphs', 'agent/store/x5.ts', "// x\nimport { cut } from '../onnx/cut.ts';\n", 2, "'store' does not import 'onnx'"],
  ['a leaf that looks up', 'agent/errors.ts', "// x\nimport { cut } from './onnx/cut.ts';\n", 2, 'imports point down'],
  ['a way out of agent/', 'agent/onnx/x6.ts', "// x\nimport x from '../../scripts/x.mjs';\n", 2, 'nothing from outside'],
  ['I/O in a pure room', 'agent/onnx/x7.ts', "// x\nimport { readFile } from 'node:fs/promises';\n", 2, 'do no I/O'],
  [
    'the runtime elsewhere',
    'agent/learn/x8.ts',
    "// x\nimport ort from 'onnxruntime-node';\n",
    2,
    "'onnxruntime-node' is imported in agent/runtime/ only",
  ],
  ['a part of a package', 'agent/uplink/x9.ts', "// x\nimport 'sharp/lib/x.js';\n", 2, "'sharp' is imported in agent/preprocess/ only"],
  ['a second user of a package', 'agent/cli/x10.ts', "// x\nimport progress from 'cli-progress';\n", 2, 'at most 1 file'],
  ['an unknown package', 'agent/uplink/x11.ts', "// x\nimport pad from 'left-pad';\n", 2, 'not in the table'],
  ['an unknown room', 'agent/misc/x12.ts', '// x\n', 1, 'not in the picture'],
  ['a cycle', 'agent/onnx/z.ts', "// x\nimport { y } from './y.ts';\n", 2, 'no import cycles'],
  ['a barrel', 'agent/onnx/index.ts', '// x\n', 1, 'no barrels'],
  ['a re-export', 'agent/onnx/x14.ts', "// x\nexport { cut } from './cut.ts';\n", 2, 'no re-exports'],
  ['an exit', 'agent/onnx/x15.ts', '// x\nprocess.exit(1);\n', 2, 'only agent/main.ts ends the process'],
  ['a file that grew', 'agent/onnx/x16.ts', `// x\n${'\n'.repeat(300)}`, 301, 'at most 300 lines'],
  ['a script past the door', 'scripts/x18.mjs', "// x\nimport ort from 'onnxruntime-node';\n", 2, 'is imported in agent/runtime/'],
  ['a test past the door', 'test/x19.test.ts', "const ort = require(\n'onnxruntime-node');\n", 2, 'is imported in agent/runtime/'],
  ['a script that grew', 'scripts/long.mjs', '\n'.repeat(301), 301, 'at most 300 lines'],
  ['a file that does not say what it is', 'agent/onnx/x17.ts', 'export const x = 1;\n', 1, 'opens by saying'],
];

describe('layers', () => {
  let root: string;
  let output: string;

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'whet layers '));
  });

  afterAll(() => rmSync(root, { recursive: true }));

  it('finds nothing in a tree that keeps the rules', () => {
    write(root, Object.entries(sound));
    expect(lint(root)).toEqual({ status: 0, output: '' });
  });

  describe('in a tree that breaks every rule', () => {
    beforeAll(() => {
      write(root, Object.entries(sound));
      write(
        root,
        broken.map(([, file, text]) => [file, text]),
      );
      const result = lint(root);
      expect(result.status).toBe(1);
      output = result.output;
    });

    it.each(broken)('names %s', (_what, file, _text, line, rule) => {
      const said = output.split(/(?=^agent\/|^scripts\/|^test\/)/m).filter((part) => part.startsWith(`${file}:${line}  `));
      expect(said.join('')).toContain(rule);
      expect(said.join('')).toMatch(/do: +\S+/);
    });

    it('names nothing else', () => {
      expect(output).toContain(`${broken.length} problem(s)`);
    });
  });
});
