import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { describe, expect, it } from 'vitest';
import { lowerPriority } from '../../agent/host/process-priority.ts';

describe('lowerPriority', () => {
  it('puts every thread of a process last, for the processor, the disk and memory', async () => {
    const child = spawn(process.execPath, ['-e', "console.log('up'); setInterval(() => {}, 1000)"], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      await once(child.stdout, 'data');
      const pid = child.pid ?? 0;
      const lowered = await lowerPriority(10, pid);
      const threads = readdirSync(`/proc/${pid}/task`).map(Number);
      expect(threads.length).toBeGreaterThan(1);
      expect(lowered).toMatchObject({ cpu: true, memory: true });
      expect(threads.map((thread) => getPriority(thread))).toEqual(threads.map(() => 10));
      expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()).toBe('800');
      if (lowered.disk) expect(execFileSync('ionice', ['-p', String(pid)], { encoding: 'utf8' })).toContain('idle');
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('says that nothing worked where there is no such process', async () => {
    expect(await lowerPriority(19, 2 ** 22 + 1)).toMatchObject({ disk: false, memory: false });
  });
});
