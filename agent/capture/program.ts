// One run of a program that prints captures (a camera, a microphone): starts it, hands out what it prints, ends it when it stalls. Takes a
// command (no shell), gives the sentence that says why it ended; never throws.
import { type ChildProcess, spawn } from 'node:child_process';
import { redactAddresses } from '../config/redact.ts';

export interface ProgramOptions {
  readonly command: readonly string[];
  /** The program is ended when nothing useful comes for this long. */
  readonly stallMs: number;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number;
  /** What it reads from its standard input; nothing unless told. A secret goes here: command lines are everybody's to read. */
  readonly input?: string | undefined;
}

export interface Printed {
  /** Takes what the program printed; true where something useful was completed by it, which starts the time to a stall anew. */
  take(chunk: Buffer): boolean;
  /** What a stalled program did, to go before `for … s`. */
  stalled(): string;
}

const stderrTailBytes = 2048;
/** 32 MB a second: more than sixty large pictures. */
const tickMs = 50;
const mostBytesATick = (32 * 1024 * 1024 * tickMs) / 1000;
/** After SIGKILL. A process in a driver that hangs cannot be ended by anybody; nothing must wait for it. */
const killedMs = 5000;
/** How long pipes may stay open after the program ended: a grandchild may hold them. */
const pipeCloseMs = 300;

/** Runs until the program ends or the signal comes. Its whole process group is ended, so that nothing keeps the device. */
export async function runProgram(options: ProgramOptions, printed: Printed, signal: AbortSignal): Promise<string> {
  const [program, ...args] = options.command as [string, ...string[]];
  if (signal.aborted) return 'stopped';
  const child = start(program, args, options.input);
  if (typeof child === 'string') return child;
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(startFault(program, error)));
    child.on('exit', (code, by) => resolve(code === null ? `${program} was ended by ${by}` : `${program} ended with exit status ${code}`));
  });

  const stderr = tail(child);
  const stalled = Promise.withResolvers<string>();
  const stallReason = () => `${program} ${printed.stalled()} for ${options.stallMs / 1000} s`;
  const stallTimer = setTimeout(() => stalled.resolve(stallReason()), options.stallMs);
  const brake = holdBack(child);
  child.stdout?.on('data', (chunk: Buffer) => {
    brake.count(chunk.length);
    if (printed.take(chunk)) stallTimer.refresh();
  });
  const aborted = Promise.withResolvers<string>();
  const onAbort = () => aborted.resolve('stopped');
  signal.addEventListener('abort', onAbort, { once: true });

  const reason = await Promise.race([ended, stalled.promise, aborted.promise]);
  clearTimeout(stallTimer);
  brake.release();
  signal.removeEventListener('abort', onAbort);
  const gone = await end(child, ended, options.graceMs);
  if (!gone) return `${program} cannot be ended: its driver hangs (process ${child.pid}); unplug the device or restart the board`;
  const said = stderr();
  return redactAddresses(said === '' ? reason : `${reason}: ${said}`);
}

function start(program: string, args: readonly string[], input: string | undefined): ChildProcess | string {
  // A capture program has no business with the service manager.
  const { NOTIFY_SOCKET: _, ...env } = process.env;
  try {
    const child = spawn(program, args, { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'], detached: true, env });
    // A program that ends without reading it has said why.
    child.stdin?.on('error', () => undefined).end(input);
    return child;
  } catch (error) {
    return startFault(program, error as NodeJS.ErrnoException);
  }
}
function startFault(program: string, error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return `${program} is not installed, or not on the PATH`;
  if (error.code === 'EACCES') return `${program} may not be run: is it a program, and executable?`;
  return `${program} cannot be started: ${error.message}`;
}

/** A program that prints without end waits at its pipe: reading all of it would leave the daemon time for nothing else. */
function holdBack({ stdout }: ChildProcess) {
  let left = mostBytesATick;
  const tick = setInterval(() => {
    if (left <= 0) stdout?.resume();
    left = mostBytesATick;
  }, tickMs);
  return {
    count(sizeBytes: number) {
      left -= sizeBytes;
      if (left <= 0) stdout?.pause();
    },
    release() {
      clearInterval(tick);
      stdout?.resume();
    },
  };
}

/** The last words on standard error, as one line. */
function tail(child: ChildProcess): () => string {
  let kept = Buffer.alloc(0);
  child.stderr?.on('data', (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-stderrTailBytes);
  });
  return () => {
    const lines = kept.toString('utf8').split(/[\r\n]+/);
    return lines
      .filter((line) => line.trim() !== '')
      .slice(-3)
      .join(' | ')
      .slice(-400);
  };
}

/** false where it cannot be ended: it is left behind. */
async function end(child: ChildProcess, ended: Promise<string>, graceMs: number): Promise<boolean> {
  if (child.pid !== undefined) {
    kill(child.pid, 'SIGTERM');
    const force = setTimeout(() => kill(child.pid!, 'SIGKILL'), graceMs);
    const hangs = Promise.withResolvers<false>();
    const patience = setTimeout(() => hangs.resolve(false), graceMs + killedMs);
    const gone = await Promise.race([ended.then(() => true), hangs.promise]);
    clearTimeout(force);
    clearTimeout(patience);
    if (!gone) {
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
      return false;
    }
    // What is left of the group after its leader has gone.
    kill(child.pid, 'SIGKILL');
  }
  await new Promise((resolve) => {
    const late = setTimeout(resolve, pipeCloseMs);
    child.once('close', () => resolve(clearTimeout(late)));
    if (child.stdout?.closed && child.stderr?.closed) resolve(clearTimeout(late));
  });
  child.stdout?.destroy();
  child.stderr?.destroy();
  return true;
}

/** Signals the group; it is no error when nobody is left. */
function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {}
}
