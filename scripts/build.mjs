// Makes dist/ from agent/ when a source is newer than the last build: Node.js itself takes the types out (a blank for every character, so that
// lines and columns stay those of the source), and what is not TypeScript is copied. Needs no compiler; `scripts/check` checks types. The old
// build stays until the new one is whole: a failed or interrupted build changes nothing, and what runs keeps its files until the last moment.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const agent = join(root, 'agent');
const dist = join(root, 'dist');
const started = new Date();

/** Folders count as well: their time changes when a file comes or goes. scripts/setup.sh asks the same with `find -newer`. */
function isFresh() {
  const stamp = join(dist, '.built');
  if (!existsSync(stamp)) return false;
  const built = statSync(stamp).mtimeMs;
  const inside = readdirSync(agent, { withFileTypes: true, recursive: true }).map((entry) => join(entry.parentPath, entry.name));
  return [agent, ...inside, join(root, 'tsconfig.json'), join(root, 'package.json')].every((path) => statSync(path).mtimeMs <= built);
}

/** `from './x.ts'`, `import './x.ts'` and `import('./x.ts')` name the built file. */
const relativeImport = /(\b(?:from|import)\s*\(?\s*)(['"])(\.{1,2}\/[^'"\n]+)\.ts\2/g;

function strip(path) {
  try {
    return stripTypeScriptTypes(readFileSync(path, 'utf8')).replace(relativeImport, '$1$2$3.js$2');
  } catch (error) {
    throw new Error(`${relative(root, path)}: ${error.message}`, { cause: error });
  }
}

function build() {
  const fresh = join(root, `dist.${process.pid}`);
  try {
    for (const entry of readdirSync(agent, { withFileTypes: true, recursive: true })) {
      const source = join(entry.parentPath, entry.name);
      const target = join(fresh, relative(agent, source));
      if (!entry.isFile() || !/\.(ts|json|ya?ml|html|css|js)$/.test(entry.name)) continue;
      mkdirSync(dirname(target), { recursive: true });
      if (entry.name.endsWith('.ts')) writeFileSync(target.replace(/\.ts$/, '.js'), strip(source));
      else writeFileSync(target, readFileSync(source));
    }
    if (existsSync(join(fresh, 'main.js'))) chmodSync(join(fresh, 'main.js'), 0o755);
    // The time of the start: what was written while the build ran is newer than this build.
    writeFileSync(join(fresh, '.built'), '');
    utimesSync(join(fresh, '.built'), started, started);
    rmSync(dist, { recursive: true, force: true });
    renameSync(fresh, dist);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

if (!isFresh()) build();
