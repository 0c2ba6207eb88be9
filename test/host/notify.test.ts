import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNotify } from '../../agent/host/notify.ts';
import { createLog } from '../../agent/log.ts';

const log = createLog('silent');
let folder: string;
const sent = () => readFileSync(join(folder, 'sent'), 'utf8').trim().split('\n');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whet-notify-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

/** A program in place of systemd-notify that notes the socket and what it was told, one assignment a line. */
function recorder(): string {
  const program = join(folder, 'systemd-notify');
  writeFileSync(program, `#!/bin/sh\nfor part; do echo "$NOTIFY_SOCKET $part" >>'${join(folder, 'sent')}'; done\n`);
  chmodSync(program, 0o755);
  return program;
}

function has(program: string): boolean {
  try {
    execFileSync('which', [program]);
    return true;
  } catch {
    return false;
  }
}

describe('createNotify', () => {
  it('does nothing where systemd does not listen', async () => {
    const notify = createNotify(log, {}, recorder());
    await notify.ready('x');
    await notify.watchdog();
    expect(notify).toMatchObject({ enabled: false, watchdogIntervalMs: null });
    expect(existsSync(join(folder, 'sent'))).toBe(false);
  });

  it('tells what systemd waits for, a status in one line', async () => {
    const notify = createNotify(log, { NOTIFY_SOCKET: '/s', PATH: '/usr/bin:/bin' }, recorder());
    await notify.ready('2 sources\n  running');
    await notify.watchdog();
    await notify.status('y'.repeat(1000));
    await notify.stopping('bye');
    expect(sent()).toEqual([
      '/s READY=1',
      '/s STATUS=2 sources running',
      '/s WATCHDOG=1',
      `/s STATUS=${'y'.repeat(300)}`,
      '/s STOPPING=1',
      '/s STATUS=bye',
    ]);
  });

  it.each([
    [{ WATCHDOG_USEC: '30000000' }, 15_000],
    [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: String(process.pid) }, 15_000],
    [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' }, null],
    [{ WATCHDOG_USEC: '0' }, null],
    [{ WATCHDOG_USEC: 'soon' }, null],
    [{}, null],
  ])('%#: pings at half the watchdog time, where the watchdog is meant for this process', (environment, intervalMs) => {
    expect(createNotify(log, { NOTIFY_SOCKET: '/s', ...environment }).watchdogIntervalMs).toBe(intervalMs);
    expect(createNotify(log, environment).watchdogIntervalMs).toBeNull();
  });

  it('survives a machine without the program, and logs that once', async () => {
    const lines: unknown[] = [];
    const notify = createNotify(
      { ...log, error: (line: unknown) => lines.push(line) } as typeof log,
      { NOTIFY_SOCKET: '/s' },
      '/nowhere/x',
    );
    await notify.ready('x');
    await notify.watchdog();
    expect(lines).toHaveLength(1);
  });

  it.skipIf(!has('systemd-notify') || !has('python3'))(
    'reaches a real notification socket (skipped without systemd-notify and python3)',
    async () => {
      const socket = join(folder, 'socket');
      // Node.js cannot listen on a Unix datagram socket. Reading without ancillary data closes the descriptor that systemd-notify waits on.
      const listener = spawn('python3', [
        '-c',
        `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); print('bound', flush=True)
while True: print(s.recv(4096).decode().replace('\\n', ' '), flush=True)`,
        socket,
      ]);
      const lines: string[] = [];
      const bound = new Promise<void>((resolve) => {
        listener.stdout.on('data', (part: Buffer) => {
          lines.push(...part.toString().trim().split('\n'));
          resolve();
        });
      });
      try {
        await bound;
        const notify = createNotify(log, { ...process.env, NOTIFY_SOCKET: socket });
        await notify.ready('up');
        await notify.watchdog();
        await expect.poll(() => lines.join('\n'), { timeout: 60_000 }).toContain('WATCHDOG=1');
        expect(lines.find((line) => line.includes('READY=1'))).toContain('STATUS=up');
      } finally {
        listener.kill('SIGKILL');
      }
    },
  );
});
