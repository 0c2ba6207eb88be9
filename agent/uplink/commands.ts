// cmd/<type>/<id> → result/<type>/<id>: each command is recorded before it is acknowledged, run once, in order within its lane, and answered at
// least once with the same bytes, also after a kill between any two of these steps. Hostile payloads are answered with an error, and not
// kept; names that cannot be answered are counted.

import { checkedResult, failure, failureOf, kept, type Taken, toKeep } from '../contract/command-check.ts';
import type { CommandSpec } from '../contract/command-contract.ts';
import { type Address, maxMessageBytes, parseCommandTopic } from '../contract/topics.ts';
import { isDiskFull, messageOf, WhetError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Incoming } from '../mqtt/client.ts';
import type { Clock, CommandLog, OutboxMessage } from '../types.ts';

export interface CommandContext {
  /** Unique a command; the same again where it is run again after an interruption. */
  readonly id: string;
  readonly timeMs: number;
  /** It was begun before the device stopped; what it did then may be there already. */
  readonly again: boolean;
  /** The device is stopping: a handler may throw, and the command runs again at the next start. */
  readonly signal: AbortSignal;
}

/**
 * Carries a command out; `args` have passed its schema. Throws `WhetError` for what the sender should know; anything else thrown is answered as
 * `internal`.
 */
export type RunCommand = (type: string, args: unknown, context: CommandContext) => Promise<object>;

export interface Commands {
  /** Continues with what was accepted before the last stop. */
  start(): void;
  /** Records a command; durable when it returns. Throws where the store fails: then it must not be acknowledged. */
  take(message: Incoming): void;
  /** Resolves when the running command has ended, or after `graceMs`; unfinished ones stay recorded. */
  stop(graceMs: number): Promise<void>;
  readonly ignored: number;
}

interface Accepted {
  readonly type: string;
  readonly id: string;
  readonly timeMs: number;
}

type Queued = Accepted & { readonly again: boolean };

export interface CommandPorts {
  readonly address: Address;
  readonly commandLog: CommandLog;
  readonly taken: Taken;
  readonly run: RunCommand;
  readonly log: Log;
  readonly clock: Clock;
  /** A result stands in the outbox. */
  finished(): void;
  /** An answer to a command that was not recorded. */
  refuse(answer: OutboxMessage): void;
}

export function createCommands({ address, commandLog, taken, run, log, clock, finished, refuse }: CommandPorts): Commands {
  const stopping = new AbortController();
  const lanes: Record<CommandSpec['lane'], { readonly queue: Queued[]; running: Promise<void> | null }> = {
    quick: { queue: [], running: null },
    long: { queue: [], running: null },
  };
  let ignored = 0;

  const specOf = (type: string) => (Object.hasOwn(taken.commands, type) ? taken.commands[type] : undefined);

  function add(command: Queued): void {
    const lane = lanes[specOf(command.type)?.lane ?? 'quick'];
    lane.queue.push(command);
    lane.running ??= runAll(lane.queue).finally(() => {
      lane.running = null;
    });
  }

  async function runAll(queue: Queued[]): Promise<void> {
    for (let next = queue.shift(); next !== undefined && !stopping.signal.aborted; next = queue.shift()) {
      // Others have their turn between two commands: ten thousand may wait.
      await new Promise((resolve) => setImmediate(resolve));
      try {
        const payload = commandLog.payload(next.type, next.id);
        if (payload === null) continue;
        const result = await answer(next, payload);
        if (result === null) return;
        commandLog.finish(next.type, next.id, resultMessage(next, result, clock.now()));
        finished();
      } catch (error) {
        // It stays recorded as unfinished and is answered after the next start.
        log.error({ command: next.type, id: next.id }, `the store failed while a command ran: ${messageOf(error)}`);
      }
    }
  }

  /** null where the device is stopping and the command is to run again. */
  async function answer(command: Queued, payload: Uint8Array): Promise<object | null> {
    const checked = kept(taken, command.type, payload);
    const spec = specOf(command.type);
    if (checked.kind === 'refused' || spec === undefined) {
      const refusal = checked.kind === 'refused' ? checked.failure : failure('unknown-command', 'no such command');
      log.warn({ command: command.type, id: command.id }, `command refused: ${refusal.error.message}`);
      return refusal;
    }
    if (command.again && !spec.rerunnable(checked.args as never)) {
      return failure('interrupted', 'the device stopped while this ran; look at its state and ask again');
    }
    log.info({ command: command.type, id: command.id, again: command.again }, 'command');
    try {
      const { id, timeMs, again } = command;
      return checkedResult(spec, await run(command.type, checked.args, { id, timeMs, again, signal: stopping.signal }));
    } catch (error) {
      if (stopping.signal.aborted) return null;
      if (!(error instanceof WhetError)) log.error({ err: error, command: command.type, id: command.id }, 'a command failed');
      return error instanceof WhetError ? failureOf(error) : failure('internal', messageOf(error));
    }
  }

  /** Where too many wait, or the disk is full, the sender is told at once, without a record: it may send the same command again later. */
  function accept(command: Accepted & { readonly payload: Uint8Array }): 'new' | 'duplicate' | 'full' {
    try {
      return commandLog.accept(command);
    } catch (error) {
      if (!(error instanceof WhetError && (error.code === 'commands-full' || isDiskFull(error)))) throw error;
      refuse({ ...resultMessage(command, failureOf(error), clock.now()), priority: 'low' });
      return 'full';
    }
  }

  return {
    start() {
      for (const command of commandLog.unfinished()) add({ ...command, again: true });
    },
    take(message) {
      const name = parseCommandTopic(address, message.topic);
      if (name === null) {
        ignored += 1;
        log.warn({ topic: message.topic.slice(0, 200) }, 'message on a topic that is no command and cannot be answered');
        return;
      }
      const timeMs = clock.now();
      const accepted = accept({ ...name, payload: toKeep(taken, name.type, message), timeMs });
      if (accepted !== 'new') {
        log.debug(
          { command: name.type, id: name.id },
          accepted === 'full' ? 'too many commands wait' : 'command was here before; not run again',
        );
        return;
      }
      add({ ...name, timeMs, again: false });
    },
    async stop(graceMs) {
      stopping.abort();
      await Promise.race([
        Promise.all([lanes.quick.running, lanes.long.running]),
        new Promise((resolve) => setTimeout(resolve, graceMs).unref()),
      ]);
    },
    get ignored() {
      return ignored;
    },
  };
}

function resultMessage(command: Accepted, result: object, timeMs: number): OutboxMessage {
  const payload = Buffer.from(JSON.stringify({ timeMs, ...result }));
  const fits = payload.byteLength <= maxMessageBytes;
  return {
    topic: `result/${command.type}/${command.id}`,
    payload: fits
      ? payload
      : Buffer.from(JSON.stringify({ timeMs, ...failure('internal', 'done, but its result is larger than a message') })),
    retain: false,
    timeMs,
    replaceKey: null,
    priority: 'high',
  };
}
