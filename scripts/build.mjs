// Compiles agent/ into dist/ when a source is newer than the last build, and copies what is not TypeScript beside it.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = join(root, 'dist', '.built');

function files(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function isFresh() {
  if (!existsSync(stamp)) return false;
  const built = statSync(stamp).mtimeMs;
  const inputs = [...files(join(root, 'agent')), join(root, 'tsconfig.json'), join(root, 'package.json')];
  return inputs.every((file) => statSync(file).mtimeMs <= built);
}

if (!isFresh()) {
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  const tsc = spawnSync(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', root], { stdio: 'inherit' });
  if (tsc.status !== 0) process.exit(tsc.status ?? 1);
  for (const file of files(join(root, 'agent')).filter((name) => /\.(json|ya?ml|html|css|js)$/.test(name))) {
    cpSync(file, join(root, 'dist', file.slice(join(root, 'agent').length + 1)));
  }
  writeFileSync(stamp, '');
}
