// Loaded first by a process that a test will kill (see hold.ts): says each of its durable steps, a line of text before and after it, and
// holds the whole process, stopped, where the steps that the test named have been seen in order. Does nothing until a test names some.
import files from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { isMainThread } from 'node:worker_threads';
import type { Held, Step } from './hold.ts';

const folder = process.env.WHET_TEST_HOLD;
// The originals, for this file's own use.
const { readFileSync, renameSync, statSync, writeFileSync } = files;

let named: { readonly text: string; readonly steps: readonly Step[] } = { text: '[]', steps: [] };
let at = 0;
let seen = 0;

/** One durable step, about to be made or just made. */
function passed(step: string): void {
  const wanted = next();
  if (wanted === undefined || !new RegExp(wanted.match).test(step)) return;
  seen += 1;
  if (seen < (wanted.times ?? 1)) return;
  [at, seen] = [at + 1, 0];
  if (at === named.steps.length) hold(step);
}

/** The step that is waited for. What stands in the control file counts from when it was written. */
function next(): Step | undefined {
  const control = join(folder ?? '', 'steps.json');
  if (statSync(control, { throwIfNoEntry: false }) === undefined) return undefined;
  const text = readFileSync(control, 'utf8');
  if (text !== named.text) {
    named = { text, steps: JSON.parse(text) };
    [at, seen] = [0, 0];
  }
  return named.steps[at];
}

function hold(step: string): void {
  const path = join(folder ?? '', 'held.json');
  writeFileSync(`${path}.${process.pid}`, JSON.stringify({ pid: process.pid, step } satisfies Held));
  renameSync(`${path}.${process.pid}`, path);
  // Every thread of it; this one goes no further even if somebody wakes the process.
  process.kill(process.pid, 'SIGSTOP');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

type Call = (this: unknown, ...args: unknown[]) => unknown;

/** In place of a function: the same, said before and after. `name` gives null for what is no durable step. */
function said(call: Call, name: (self: unknown, args: readonly unknown[]) => string | null): Call {
  return function (this: unknown, ...args) {
    const step = name(this, args);
    if (step === null) return call.apply(this, args);
    passed(`before ${step}`);
    const result = call.apply(this, args);
    if (!(result instanceof Promise)) {
      passed(`after ${step}`);
      return result;
    }
    return result.then((value) => {
      passed(`after ${step}`);
      return value;
    });
  };
}

function replace(owner: object, names: readonly string[], name: (what: string, self: unknown, args: readonly unknown[]) => string | null) {
  const calls = owner as Record<string, Call>;
  for (const what of names) calls[what] = said(calls[what]!, (self, args) => name(what, self, args));
}

// Threads write nothing that must last.
if (folder !== undefined && isMainThread) {
  const withPaths = (what: string, _self: unknown, args: readonly unknown[]) =>
    `${what} ${args.filter((arg) => typeof arg === 'string').join(' ')}`;
  replace(promises, ['rename', 'writeFile', 'readdir', 'rm', 'symlink'], withPaths);
  replace(files, ['rmSync'], withPaths);
  syncBuiltinESMExports();
  replace(DatabaseSync.prototype, ['exec'], (_what, _self, args) => String(args[0]));
  const changing = /^\s*(INSERT|UPDATE|DELETE)/i;
  replace(StatementSync.prototype, ['run', 'get', 'all'], (_what, self) => {
    const sql = (self as StatementSync).sourceSQL;
    return changing.test(sql) ? sql : null;
  });
  // What the trainer tells the daemon.
  if (process.send !== undefined) {
    replace(process, ['send'], (_what, _self, [message]) => {
      const { kind, what } = message as { readonly kind: string; readonly what?: string };
      return what === undefined ? `send ${kind}` : `send ${kind} ${what}`;
    });
  }
}
