// One door, its inputs in a child process; the child is started again behind each input that did harm. Gives what was counted.
import { fork } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { createDice } from '../rig/dice.mjs';
import { alone, open } from './doors.mjs';

export const mostSeconds = 5;
export const mostMegabytes = 300;
/** Garbage is collected before it counts: what a process needs is asked, not what it leaves lying about. */
const execArgv = ['--max-semi-space-size=4', '--max-old-space-size=160', '--disable-warning=ExperimentalWarning'];

/** Numbers of a door's input are their own, whatever came before. */
export function diceOf(name, seed, index) {
  let hash = seed >>> 0;
  for (const character of `${name}/${index}`) hash = (Math.imul(hash ^ character.codePointAt(0), 0x01000193) + 0x9e3779b9) >>> 0;
  return createDice(hash);
}

export async function makeInput({ name, seed, index, folder }) {
  const door = await open(name, folder);
  const input = door.make(diceOf(name, seed, index), index);
  await door.close?.();
  return input;
}

export async function fuzzDoor({ name, seed, folder, from, to }) {
  const result = { name, inputs: to - from, refused: 0, seconds: 0, megabytes: 0, problems: [] };
  const isAlone = alone.has(name);
  const since = performance.now();
  for (let next = from; next < to; ) {
    const life = await oneLife({ name, seed, folder, from: next, to: isAlone ? next + 1 : to });
    result.refused += life.refused;
    result.megabytes = Math.max(result.megabytes, life.megabytes);
    if (isAlone)
      result.each = [...(result.each ?? []), { ...(await makeInput({ name, seed, index: next, folder })), megabytes: life.megabytes }];
    if (life.problem !== null) result.problems.push(life.problem);
    next = life.next;
  }
  result.seconds = (performance.now() - since) / 1000;
  return result;
}

/** Up to the first problem that ends the child, or to the end. */
function oneLife({ name, seed, folder, from, to }) {
  const mark = join(folder, 'at');
  closeSync(openSync(mark, 'w'));
  return new Promise((resolve) => {
    const child = fork(new URL('./child.mjs', import.meta.url), [name, String(seed), String(from), String(to), folder, mark], {
      execArgv,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let errors = '';
    child.stderr.on('data', (part) => {
      errors = (errors + part).slice(-600);
    });
    let said = null;
    child.on('message', (message) => {
      said = message;
    });
    const watched = watch(child.pid, mark, from, () => child.kill('SIGKILL'));
    child.on('exit', (code, signal) => {
      const at = watched.stop();
      const index = Math.max(from, at.index);
      const base = { megabytes: at.megabytes, refused: 0, ...said, problem: null };
      if (at.isHanging) return resolve({ ...base, next: index + 1, problem: { kind: 'hangs', index, why: `over ${mostSeconds} s` } });
      if (said === null)
        return resolve({ ...base, next: index + 1, problem: { kind: 'crashes', index, why: `${signal ?? code} ${errors}` } });
      resolve({ ...base, next: said.problem === null ? to : said.problem.index + 1, problem: said.problem });
    });
  });
}

/** The input under way, and for how much of the processor's time: a busy machine makes no hang. */
function watch(pid, mark, from, kill) {
  const at = { index: from, megabytes: 0, isHanging: false };
  let [sinceMs, sinceCpu] = [performance.now(), 0];
  const look = () => {
    const index = indexIn(mark);
    const { cpuSeconds, megabytes } = useOf(pid);
    at.megabytes = Math.max(at.megabytes, megabytes);
    if (index !== at.index) [at.index, sinceMs, sinceCpu] = [index, performance.now(), cpuSeconds];
    const isLong = performance.now() - sinceMs > 1000 * mostSeconds;
    // Opening a door may take a while; what waits without computing hangs as well.
    const isBusy = index >= 0 && cpuSeconds - sinceCpu > mostSeconds;
    at.isHanging = isLong && (isBusy || performance.now() - sinceMs > 120_000);
    if (at.isHanging) kill();
  };
  const timer = setInterval(look, 200);
  return {
    stop() {
      clearInterval(timer);
      at.index = indexIn(mark);
      return at;
    },
  };
}

function indexIn(mark) {
  const bytes = Buffer.alloc(8);
  const file = openSync(mark, 'r');
  try {
    return readSync(file, bytes, 0, 8, 0) === 8 ? Number(bytes.readBigInt64LE()) : -1;
  } finally {
    closeSync(file);
  }
}

function useOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100, megabytes: peakOf(pid) };
  } catch {
    return { cpuSeconds: 0, megabytes: 0 };
  }
}

/** The most memory that a process ever had, in MB. */
export function peakOf(pid) {
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);
}
