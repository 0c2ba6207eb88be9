import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
let clone: string;

beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'whet build '));
  mkdirSync(join(clone, 'scripts'));
  for (const path of ['scripts/build.mjs', 'package.json', 'tsconfig.json']) cpSync(join(root, path), join(clone, path));
});

afterEach(() => rmSync(clone, { recursive: true }));

function build(): { status: number | null; stderr: string } {
  const { status, stderr } = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', 'scripts/build.mjs'], {
    cwd: clone,
    encoding: 'utf8',
  });
  return { status, stderr };
}

const filesOf = (folder: string) =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));

describe('scripts/build.mjs', () => {
  it('gives a program in which every import finds its file, line for line as the source', { timeout: 60_000 }, () => {
    cpSync(join(root, 'agent'), join(clone, 'agent'), { recursive: true });
    expect(build()).toEqual({ status: 0, stderr: '' });
    const dist = join(clone, 'dist');
    const built = filesOf(dist).filter((name) => name.endsWith('.js'));
    const sources = filesOf(join(clone, 'agent')).filter((name) => name.endsWith('.ts'));
    expect(built.sort()).toEqual(sources.map((name) => name.replace(/\.ts$/, '.js')).sort());
    const lost = built.flatMap((name) => {
      const text = readFileSync(join(dist, name), 'utf8');
      const imports = [...text.matchAll(/\bfrom\s*'(\.{1,2}\/[^'\n]+)'|^import '(\.{1,2}\/[^'\n]+)'|\bimport\('(\.{1,2}\/[^'\n]+)'\)/gm)];
      return imports
        .map((match) => (match[1] ?? match[2] ?? match[3]) as string)
        .filter((specifier) => !existsSync(join(dist, dirname(name), specifier)))
        .map((specifier) => `${name}: ${specifier}`);
    });
    expect(lost).toEqual([]);
    expect(built.length).toBeGreaterThan(100);
    const lines = (path: string) => readFileSync(path, 'utf8').split('\n').length;
    expect(lines(join(dist, 'main.js'))).toBe(lines(join(clone, 'agent', 'main.ts')));
  });

  it('builds again only when something changed, and keeps the old build where the new one fails', () => {
    mkdirSync(join(clone, 'agent'));
    const source = join(clone, 'agent', 'main.ts');
    writeFileSync(source, "import './a.ts';\nconst x: number = 1;\nconsole.log(x);\n");
    expect(build().status).toBe(0);
    const built = join(clone, 'dist', 'main.js');
    expect(readFileSync(built, 'utf8')).toContain("import './a.js';");
    const first = statSync(built).ino;
    const age = (seconds: number) => {
      const time = Date.now() / 1000 + seconds;
      utimesSync(source, time, time);
    };
    for (const path of ['package.json', 'tsconfig.json', 'agent']) utimesSync(join(clone, path), 1, 1);
    age(-100);
    expect(build().status).toBe(0);
    expect(statSync(built).ino).toBe(first);
    writeFileSync(source, 'enum Colour { red }\n');
    age(100);
    const failed = build();
    expect(failed.status).not.toBe(0);
    expect(failed.stderr).toContain('agent/main.ts');
    expect(statSync(built).ino).toBe(first);
    expect(readdirSync(clone).sort()).toEqual(['agent', 'dist', 'package.json', 'scripts', 'tsconfig.json']);
  });
});
