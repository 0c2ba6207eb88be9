// Lint step for the picture of the source: which room may import which, which package is imported where, no cycles, no barrels, small
// files. The rules are in layer-rules.mjs. Takes the root of a checkout (default: this one), prints `file:line  import  rule  remedy`, exits 1 where a rule is broken.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { doors, generated, levels, maxLines, mayExit, packages, pure, reserved, tables } from './layer-rules.mjs';
import { scriptProblems } from './script-imports.mjs';

/** The file that decides a room's name: `agent/onnx/surgery/cut.ts` is in `onnx`, `agent/daemon.ts` is a room of its own. */
function roomOf(file) {
  const [first] = file.slice('agent/'.length).split('/');
  return first;
}

function levelOf(room) {
  return levels.findIndex((level) => level.rooms.includes(room));
}

/** Comments become blanks of the same length, so that what they say is not taken for code and line numbers stay. */
function withoutComments(text) {
  const blank = (part) => part.replace(/[^\n]/g, ' ');
  return text.replace(/\/\*[\s\S]*?\*\/|(?<=^|[\s;{}(,])\/\/[^\n]*/g, blank);
}

/** Every import of a file, also re-exports, type-only and dynamic ones, and `require`: [{ target, line, kind }]. */
export function importsOf(text) {
  const code = withoutComments(text);
  const patterns = [
    { kind: 'import', pattern: /^\s*import\s+(?!type\s)[\w$*{}\s,]+?\sfrom\s*['"]([^'"]+)['"]/gm },
    { kind: 'type', pattern: /^\s*import\s+type\s[\w$*{}\s,]+?\sfrom\s*['"]([^'"]+)['"]/gm },
    { kind: 'import', pattern: /^\s*import\s*['"]([^'"]+)['"]/gm },
    { kind: 'export', pattern: /^\s*export\s+(?:type\s+)?(?:\*[\w$\s]*|\{[^}]*\})\s*from\s*['"]([^'"]+)['"]/gm },
    { kind: 'dynamic', pattern: /\b(?:import|require)\(\s*['"]([^'"]+)['"]/g },
  ];
  return patterns.flatMap(({ pattern, kind }) =>
    [...code.matchAll(pattern)].map((match) => ({
      target: match[1],
      line: lineAt(code, match.index + match[0].lastIndexOf(match[1])),
      kind,
    })),
  );
}

function lineAt(text, index) {
  return text.slice(0, index).split('\n').length;
}

function packageOf(target) {
  if (target.startsWith('node:')) return target;
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
}

function sources(root, folder, endings) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.test(entry.name))
    .map((entry) => posix.join(folder, join(entry.parentPath, entry.name).slice(join(root, folder).length)))
    .filter((file) => !generated.includes(file))
    .sort();
}

/** All broken rules of a tree: [{ file, line, what, rule, remedy }]. */
export function findProblems(root) {
  const agent = sources(root, 'agent', /\.ts$/).map((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    return { file, text, imports: importsOf(text) };
  });
  return [
    ...agent.flatMap((source) => [...directionProblems(source), ...sourceProblems(source)]),
    ...packageProblems(agent),
    ...cycleProblems(agent),
    ...doorProblems(root),
    ...lengthProblems(root),
    ...addressProblems(root),
    ...scriptProblems(root),
  ].sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
}

function resolveImport(file, target) {
  return posix.join(posix.dirname(file), target);
}

function directionProblems({ file, imports }) {
  const room = roomOf(file);
  const level = levelOf(room);
  if (level < 0) {
    const remedy = `say at which level of \`levels\` in scripts/layer-rules.mjs '${room}' stands`;
    return [{ file, line: 1, what: room, rule: 'a room that is not in the picture', remedy }];
  }
  const local = imports.filter(({ target }) => target.startsWith('.'));
  return local.flatMap(({ target, line }) => {
    const path = resolveImport(file, target);
    const problem = (rule, remedy) => [{ file, line, what: target, rule, remedy }];
    if (!path.startsWith('agent/')) return problem('agent/ imports nothing from outside itself', 'move what is needed into agent/');
    const other = roomOf(path);
    const otherLevel = levelOf(other);
    if (other === room || otherLevel < 0 || tables.some((entry) => entry.room === room && entry.may.includes(path))) return [];
    if (otherLevel < level) {
      return problem(
        `imports point down: '${levels[level].name}' stands below '${levels[otherLevel].name}'`,
        'take it as an argument, or move the shared record to agent/types.ts',
      );
    }
    if (otherLevel === level && levels[level].mutual !== true) {
      return problem(`'${room}' and '${other}' do not import each other`, 'let the loop or the composition root join them');
    }
    return reservedProblem(room, other, path, problem);
  });
}

function reservedProblem(room, other, path, problem) {
  const rule = reserved.find((entry) => entry.rooms.includes(other));
  if (rule === undefined || rule.only.includes(room) || rule.open.includes(path)) return [];
  return problem(`'${room}' does not import '${other}'`, rule.remedy);
}

function sourceProblems({ file, text, imports }) {
  const problems = [];
  const add = (line, what, rule, remedy) => problems.push({ file, line, what, rule, remedy });
  const inside = file.slice('agent/'.length);
  if (/(^|\/)index\.ts$/.test(file)) add(1, 'index.ts', 'no barrels', 'name the file after the main thing in it, and import that file');
  for (const { target, line, kind } of imports) {
    if (kind === 'export') add(line, target, 'no re-exports', 'import it where it is written');
    if (pure.rooms.includes(roomOf(file)) && pure.refused.test(target)) {
      add(line, target, `${pure.rooms.join(' and ')} do no I/O`, 'take the bytes, or a function that reads them, as an argument');
    }
  }
  if (!mayExit.includes(inside)) {
    for (const match of withoutComments(text).matchAll(/\bprocess\.(exit|abort)\(/g)) {
      add(lineAt(text, match.index), match[0], 'only agent/main.ts ends the process', 'throw a WhetError, or set process.exitCode');
    }
  }
  if (!/^(#!.*\n)?\/\/ /.test(text)) {
    add(
      1,
      'first line',
      'a file opens by saying what it is',
      'one to three lines of comment: what comes in, what goes out, what it refuses',
    );
  }
  return problems;
}

function packageProblems(agent) {
  const users = new Map();
  const problems = [];
  for (const { file, imports } of agent) {
    const seen = new Map();
    for (const { target, line } of imports) {
      if (!target.startsWith('.') && !seen.has(packageOf(target))) seen.set(packageOf(target), line);
    }
    for (const [name, line] of seen) {
      const rule = packages[name];
      if (rule === undefined) {
        if (name.startsWith('node:')) continue;
        const remedy = 'say in `packages` of scripts/layer-rules.mjs where it may be imported, or do without it';
        problems.push({ file, line, what: name, rule: 'a package that is not in the table', remedy });
        continue;
      }
      if (!rule.in.some((place) => file.slice('agent/'.length).startsWith(place))) {
        const places = rule.in.map((place) => `agent/${place}`).join(', ');
        problems.push({
          file,
          line,
          what: name,
          rule: `'${name}' is imported in ${places} only`,
          remedy: 'call what that room offers instead',
        });
      }
      const files = [...(users.get(name) ?? []), { file, line }];
      users.set(name, files);
      if (files.length > rule.files) {
        const others = files.slice(0, -1).map((user) => user.file);
        const remedy = `put it beside its other user: ${others.join(', ')}`;
        problems.push({ file, line, what: name, rule: `'${name}' is imported in at most ${rule.files} file(s)`, remedy });
      }
    }
  }
  return problems;
}

function doorProblems(root) {
  return ['scripts', 'test'].flatMap((folder) =>
    sources(root, folder, /\.(ts|mts|mjs|js|cjs)$/).flatMap((file) =>
      importsOf(readFileSync(join(root, file), 'utf8')).flatMap(({ target, line }) => {
        const door = doors[packageOf(target)];
        if (door === undefined || door.in.some((place) => file.startsWith(place))) return [];
        return [
          { file, line, what: target, rule: `'${packageOf(target)}' is imported in ${door.in.join(', ')} only`, remedy: door.remedy },
        ];
      }),
    ),
  );
}

/** One problem for each import that closes a circle, with the circle. Imports of types alone are erased: nothing loads through them. */
function cycleProblems(agent) {
  const edges = new Map(
    agent.map(({ file, imports }) => [
      file,
      imports
        .filter(({ target, kind }) => target.startsWith('.') && kind !== 'type')
        .map(({ target, line }) => ({ to: resolveImport(file, target), line })),
    ]),
  );
  const state = new Map();
  const problems = [];
  const visit = (file, trail) => {
    state.set(file, 'open');
    for (const { to, line } of edges.get(file) ?? []) {
      if (state.get(to) === 'open') {
        const circle = [...trail.slice(trail.indexOf(to)), to].join(' → ');
        problems.push({ file, line, what: circle, rule: 'no import cycles', remedy: 'move what both need into a file below them' });
      } else if (!state.has(to)) visit(to, [...trail, to]);
    }
    state.set(file, 'done');
  };
  for (const { file } of agent) if (!state.has(file)) visit(file, [file]);
  return problems;
}

/** In an address a blank is %20: a checkout whose path has one is not found by it. */
function addressProblems(root) {
  return ['agent', 'scripts', 'test']
    .flatMap((folder) => sources(root, folder, /\.(ts|mjs)$/))
    .flatMap((file) => {
      const text = withoutComments(readFileSync(join(root, file), 'utf8'));
      const at = text.search(/import\.meta\.url\)\.pathname/);
      const rule = 'a path is not a part of an address';
      return at < 0 ? [] : [{ file, line: lineAt(text, at), what: 'the pathname of an address', rule, remedy: 'take fileURLToPath' }];
    });
}

function lengthProblems(root) {
  const files = ['agent', 'scripts', 'test'].flatMap((folder) => sources(root, folder, /\.(ts|mts|mjs|js)$/));
  return files.flatMap((file) => {
    const lines = readFileSync(join(root, file), 'utf8').split('\n').length - 1;
    if (lines <= maxLines) return [];
    return [{ file, line: lines, what: `${lines} lines`, rule: `at most ${maxLines} lines`, remedy: 'ask what the two things in it are' }];
  });
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = resolve(process.argv[2] ?? dirname(dirname(fileURLToPath(import.meta.url))));
  const problems = findProblems(root);
  for (const { file, line, what, rule, remedy } of problems) {
    process.stdout.write(`${file}:${line}  ${what}\n  rule: ${rule}\n  do:   ${remedy}\n`);
  }
  if (problems.length > 0) process.stdout.write(`layers: ${problems.length} problem(s)\n`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
