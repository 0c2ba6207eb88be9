// An uplink as the daemon would make it, with a log that remembers and handlers that count, on whatever store a test gives it.
import { machineClock } from '../../agent/clock.ts';
import type { Log } from '../../agent/log.ts';
import { type OperationName, operations } from '../../agent/operations/table.ts';
import type { Clock } from '../../agent/types.ts';
import type { CommandContext } from '../../agent/uplink/commands.ts';
import { createUplink, type Uplink, type UplinkConfig } from '../../agent/uplink/uplink.ts';
import { createMemoryStore, type MemoryStore } from './memory-store.ts';

export interface LogLine {
  readonly level: string;
  readonly text: string;
}

export function rememberingLog(): { readonly log: Log; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: string) => (first: unknown, message?: unknown) => {
    lines.push({ level, text: typeof first === 'string' ? first : `${String(message)} ${JSON.stringify(first)}` });
  };
  const log = { trace: at('trace'), debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), fatal: at('fatal') };
  return { log: log as unknown as Log, lines };
}

/** What carries one operation out in a test: arguments that have passed their schema in, a result out. */
export type Handlers = Readonly<Partial<Record<OperationName, (args: never, context: CommandContext) => Promise<object>>>>;

/** Handlers that succeed and remember what they were asked. */
export function countingHandlers(calls: { type: string; payload: unknown; again: boolean }[]): Handlers {
  const verdict = { kind: 'accepted', reason: 'better' } as const;
  const remember =
    <R>(type: string, result: R) =>
    async (payload: unknown, context: { readonly again: boolean }) => {
      calls.push({ type, payload, again: context.again });
      return result;
    };
  return {
    label: remember('label', { labelled: 1, unknown: [] }),
    train: remember('train', { run: 'r1', verdict, release: '000001-abcdef01' }),
    pause: remember('pause', { paused: true }),
    resume: remember('resume', { paused: false }),
    rollback: remember('rollback', { previous: '2', current: '1' }),
    snapshot: remember('snapshot', { version: '000001-abcdef01', chunks: 1 }),
    deploy: remember('deploy', { version: '000001-abcdef01', verdict }),
    forget: remember('forget', { samples: 1, purged: [], current: 'base' }),
  };
}

export interface TestDevice {
  readonly uplink: Uplink;
  readonly store: MemoryStore;
  readonly lines: LogLine[];
  readonly calls: { type: string; payload: unknown; again: boolean }[];
  start(): void;
  /** How often the broker had no session of ours. */
  readonly forgotten: number;
}

export function createTestDevice(
  config: Omit<UplinkConfig, 'device'> & { readonly device?: string },
  over: {
    readonly store?: Pick<MemoryStore, 'outbox' | 'commandLog'>;
    readonly handlers?: Handlers;
    readonly weights?: Uint8Array | null;
    readonly clock?: Clock;
  } = {},
): TestDevice {
  const store = createMemoryStore();
  const calls: TestDevice['calls'] = [];
  const { log, lines } = rememberingLog();
  const { outbox, commandLog } = over.store ?? store;
  const uplink = createUplink(
    { device: 'pi-1', retryMinMs: 20, retryMaxMs: 200, messagesPerSecond: 100_000, connectTimeoutMs: 3000, ...config },
    {
      outbox,
      commandLog,
      taken: { commands: operations, allowed: Object.keys(operations) },
      readWeights: async (_version, offset, length) => over.weights?.subarray(offset, offset + length) ?? null,
      log,
      clock: over.clock ?? machineClock,
    },
  );
  const handlers: Readonly<Record<string, ((args: never, context: CommandContext) => Promise<object>) | undefined>> = {
    ...countingHandlers(calls),
    ...over.handlers,
  };
  let forgotten = 0;
  const start = () =>
    uplink.start({
      async run(type, args, context) {
        const handler = handlers[type];
        if (handler === undefined) throw new Error(`no handler for '${type}'`);
        return handler(args as never, context);
      },
      forgotten: () => {
        forgotten += 1;
      },
    });
  return {
    uplink,
    store,
    lines,
    calls,
    start,
    get forgotten() {
      return forgotten;
    },
  };
}

export async function eventually(holds: () => boolean, what: string, timeoutMs = 60_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not in ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
