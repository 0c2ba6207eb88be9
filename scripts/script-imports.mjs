// Lint step: what scripts import of each other and of the build is there. Nothing type-checks them, and one that is run twice a year would be
// found broken then. Takes the root of a checkout, gives problems as `layers.mjs` prints them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

const imports = /^import\s+(?:\{([^}]*)\}|\*\s+as\s+\w+)\s+from\s+'(\.[^']+)'/gm;
const declared = /export\s+(?:async\s+)?(?:const|let|function\*?|class)\s+(\w+)/g;
const listed = /export\s+\{([^}]*)\}/g;

const namesIn = (list) =>
  list
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '' && !part.startsWith('type '));

/** What a module gives under which name. */
function exportsOf(text) {
  const own = [...text.matchAll(declared)].map(([, name]) => name);
  const lists = [...text.matchAll(listed)].flatMap(([, list]) => namesIn(list).map((part) => part.split(/\s+as\s+/).at(-1)));
  return new Set([...own, ...lists]);
}

/** `dist/x.js` is made of `agent/x.ts`. */
function sourceOf(path) {
  return path.startsWith('dist/') ? path.replace(/^dist\//, 'agent/').replace(/\.js$/, '.ts') : path;
}

export function scriptProblems(root) {
  if (!existsSync(join(root, 'scripts'))) return [];
  const files = readdirSync(join(root, 'scripts'), { recursive: true })
    .filter((file) => file.endsWith('.mjs'))
    .map((file) => posix.join('scripts', file));
  return files.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    return [...text.matchAll(imports)].flatMap(([all, list, target]) => {
      const source = sourceOf(posix.join(posix.dirname(file), target));
      const line = text.slice(0, text.indexOf(all)).split('\n').length;
      if (!existsSync(join(root, source)))
        return [{ file, line, what: target, rule: `'${source}' is not there`, remedy: 'name the file that has it now' }];
      const given = exportsOf(readFileSync(join(root, source), 'utf8'));
      return namesIn(list ?? '')
        .map((part) => part.split(/\s+as\s+/)[0])
        .filter((name) => !given.has(name))
        .map((name) => ({ file, line, what: target, rule: `'${source}' exports no '${name}'`, remedy: 'import what it is called now' }));
    });
  });
}
