// The fuzzer: a short run of every door, and that it notices what it is there to notice. The long run: scripts/fuzz --inputs 100000.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { toItsEnd } from '../run-program.ts';

const script = fileURLToPath(new URL('../../scripts/fuzz', import.meta.url));

const run = (args: readonly string[], env: NodeJS.ProcessEnv = process.env) =>
  toItsEnd(spawn(script, args, { stdio: ['ignore', 'pipe', 'pipe'], env }));

describe('scripts/fuzz', { timeout: 300_000 }, () => {
  it('finds nothing at any door', async () => {
    const { code, stdout, stderr } = await run(['--inputs', '400', '--seed', '7', '--json']);
    expect(code, stderr).toBe(0);
    const { doors, ...summary } = JSON.parse(stdout);
    expect(summary).toMatchObject({ crashes: 0, hangs: 0, large: 0, uncaught: 0 });
    expect(summary.inputs).toBeGreaterThan(350);
    expect(doors.length).toBeGreaterThan(15);
    // A door that refuses all, or takes all, tests nothing behind it.
    const { refused } = summary;
    expect(refused).toBeGreaterThan(100);
    expect(refused).toBeLessThan(summary.inputs);
  });

  it.each([
    ['a crash', 'crashes', 'process.kill(process.pid, "SIGSEGV")'],
    ['an error that is none of ours', 'uncaught', 'null.length'],
    ['a process that grows', 'large', 'globalThis.big = Buffer.alloc(320 * 1024 * 1024, 1)'],
    ['a loop without end', 'hangs', 'for (;;);'],
  ])('sees %s, keeps the input and goes on behind it', async (_what, kind, harm) => {
    const folder = mkdtempSync(join(tmpdir(), 'whet-fuzz-test-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    // The fourth id of the right length is met by something that stands for a fault.
    const preload = `let met = 0; const upper = String.prototype.toUpperCase;
      String.prototype.toUpperCase = function () { if (this.length === 11) met += 1; if (met === 4) { ${harm} } return upper.call(this); };`;
    const env = { ...process.env, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(preload)}` };
    const { code, stdout, stderr } = await run(['--door', 'sample-ids', '--inputs', '12', '--keep', folder, '--json'], env);
    expect(code, stderr).toBe(1);
    const { doors, ...counts } = JSON.parse(stdout);
    expect(counts[kind], stderr).toBeGreaterThan(0);
    const [{ problems }] = doors;
    expect(problems.every((problem: { readonly kept: string }) => existsSync(problem.kept))).toBe(true);
    expect(counts.inputs).toBe(12);
  });

  it('refuses doors that it does not have', async () => {
    expect((await run(['--door', 'windows'])).code).toBe(64);
  });
});
