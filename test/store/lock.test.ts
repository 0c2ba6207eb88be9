import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { acquireLock } from '../../agent/store/lock.ts';
import { temporaryDirectory } from './fixtures.ts';

const lockModule = fileURLToPath(new URL('../../agent/store/lock.ts', import.meta.url));

/** A process that takes the lock, says so, and keeps it. */
async function holder(path: string) {
  const program = `import { acquireLock } from ${JSON.stringify(lockModule)};
globalThis.lock = acquireLock(${JSON.stringify(path)});
console.log('held');
setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

describe('lock of a state directory', () => {
  it('is refused while it is held, in this process too, and given once it is free', () => {
    const path = join(temporaryDirectory(), 'lock');
    const lock = acquireLock(path);
    expect(() => acquireLock(path)).toThrow(expect.objectContaining({ code: 'already-running', message: expect.stringContaining(path) }));
    lock.release();
    acquireLock(path).release();
  });

  it('ends with its process, however that ends', async () => {
    const path = join(temporaryDirectory(), 'lock');
    const child = await holder(path);
    expect(() => acquireLock(path)).toThrow(expect.objectContaining({ code: 'already-running' }));
    child.kill('SIGKILL');
    await once(child, 'exit');
    acquireLock(path).release();
  });

  it('is for its owner alone, whatever the umask, and also where it was not', () => {
    const path = join(temporaryDirectory(), 'lock');
    const before = process.umask(0);
    try {
      acquireLock(path).release();
      expect(statSync(path).mode & 0o777).toBe(0o600);
    } finally {
      process.umask(before);
    }
    chmodSync(path, 0o644);
    const lock = acquireLock(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(() => acquireLock(path)).toThrow(expect.objectContaining({ code: 'already-running' }));
    lock.release();
  });

  it('says which path cannot be locked', () => {
    const folder = temporaryDirectory();
    expect(() => acquireLock(join(folder, 'none', 'lock'))).toThrow(expect.objectContaining({ code: 'state-unwritable' }));
    writeFileSync(join(folder, 'lock'), 'not a database, whatever it is, and long enough to be looked at as one'.repeat(20));
    expect(() => acquireLock(join(folder, 'lock'))).toThrow(expect.objectContaining({ code: 'state-unwritable' }));
  });
});
