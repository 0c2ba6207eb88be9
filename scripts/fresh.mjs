// The README's two commands as new machines have them: trees of Debian 12 and 13 with their own npm and Node.js, and the npm versions that
// people have, each from its npm package with a Node.js of its time. Every one begins with a clean clone, an empty home and no cache. Prints a
// table; exits 1 where a machine fails, 0 where all pass (what could not be tried is named).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { debianMachine, suites } from './machines/debian.mjs';
import { npmMachine, npmVersions } from './machines/npm.mjs';
import { tryMachine } from './machines/try.mjs';

const usage = `Usage: scripts/fresh [--quick] [--only NAME]... [--trees DIR] [--mirror URL] [--keep] [--json]
  --quick        the npm versions on the first command alone (about a minute and a half; no root needed)
  --only NAME    machines whose name holds NAME, e.g. --only "Debian 13" --only "npm 8"
  --trees DIR    where the Debian trees are made by debootstrap, and kept for the next time (default ~/.cache/whetstone-machines)
  --mirror URL   Debian mirror (default http://deb.debian.org/debian)
  --keep         keeps the clones, to look around
  --json         one document on standard output, progress on standard error
What is committed is what is tried. Debian's trees need root and debootstrap; npm's packages and Debian's come over the network.`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    trees: { type: 'string', default: join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'whetstone-machines') },
    mirror: { type: 'string', default: 'http://deb.debian.org/debian' },
    keep: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const say = (text) => process.stderr.write(`fresh: ${text}\n`);

function pad(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`);
}

/** The table in Markdown, as it stands in the documentation. */
function table(results) {
  const rows = results.map((result) => [
    result.machine,
    result.npm ?? '',
    result.node ?? '',
    result.command === null ? '' : `\`${result.command}\``,
    result.seconds === null ? '' : result.seconds.toFixed(0),
    result.megabytes === null ? '' : String(result.megabytes),
    result.outcome,
  ]);
  const [head, ...body] = pad([['machine', 'npm', 'its Node.js', 'command', 'seconds', 'MB unpacked', 'outcome'], ...rows]);
  return [head, head.replaceAll(/[^|]/g, '-'), ...body].join('\n');
}

function commit(root) {
  const git = (...args) => spawnSync('git', ['-C', root, ...args], { encoding: 'utf8' }).stdout.trim();
  return { commit: git('rev-parse', '--short', 'HEAD'), uncommitted: git('status', '--porcelain') !== '' };
}

async function main() {
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const { commit: head, uncommitted } = commit(root);
  if (uncommitted) say('there are uncommitted changes; what is committed is tried');
  const work = mkdtempSync(join(tmpdir(), 'whet fresh '));
  const wanted = (name) => values.only.length === 0 || values.only.some((part) => name.includes(part));
  const results = [];
  try {
    const options = { root, work, quick: values.quick, keep: values.keep, say };
    const machines = [
      ...npmVersions.map((version) => ({ name: `npm ${version.npm}`, open: () => npmMachine(version, options) })),
      ...(values.quick ? [] : suites).map((suite) => ({
        name: suite.name,
        open: () => debianMachine(suite, { ...options, trees: resolve(values.trees), mirror: values.mirror }),
      })),
    ];
    for (const { name, open } of machines.filter((machine) => wanted(machine.name))) {
      say(`${name} …`);
      results.push(...(await tryMachine(name, open, options)));
    }
  } finally {
    if (values.keep) say(`kept: ${work}`);
    else rmSync(work, { recursive: true, force: true });
  }
  const failed = results.filter(({ outcome }) => outcome.startsWith('failed'));
  process.stdout.write(values.json ? `${JSON.stringify({ commit: head, results }, null, 2)}\n` : `${table(results)}\n`);
  return failed.length > 0 || results.length === 0 ? 1 : 0;
}

process.exitCode = await main();
