// Compiles agent/ into dist/ when a source is newer than the last build, and copies what is not TypeScript beside it. The old build stays
// until the new one is whole: a failed or interrupted build changes nothing, and what runs keeps its files until the last moment.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
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

function build() {
  const fresh = join(root, `dist.${process.pid}`);
  try {
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const { status } = spawnSync(process.execPath, [tsc, '-p', root, '--outDir', fresh], { stdio: 'inherit' });
    if (status !== 0) return status ?? 1;
    cpSync(agent, fresh, { recursive: true, filter: (path) => statSync(path).isDirectory() || /\.(json|ya?ml|html|css|js)$/.test(path) });
    if (existsSync(join(fresh, 'main.js'))) chmodSync(join(fresh, 'main.js'), 0o755);
    // The time of the start: what was written while the compiler ran is newer than this build.
    writeFileSync(join(fresh, '.built'), '');
    utimesSync(join(fresh, '.built'), started, started);
    rmSync(dist, { recursive: true, force: true });
    renameSync(fresh, dist);
    return 0;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

process.exitCode = isFresh() ? 0 : build();
