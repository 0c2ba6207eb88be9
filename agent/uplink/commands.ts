// cmd/<type>/<id> → result/<type>/<id>: each command is recorded before it is acknowledged, run in order, and answered exactly once, also
// after a kill between any two of these steps. Hostile payloads are answered with an error; names that cannot be answered are counted.
import { z } from 'zod';
import { messageOf, WhetError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Clock, CommandLog, OutboxMessage } from '../types.ts';
import type { Incoming } from './client.ts';
import {
  type CommandErrorCode,
  type CommandFailure,
  type CommandPayload,
  type CommandResult,
  type CommandType,
  commands,
  isCommandType,
} from './command-contract.ts';
import { type Address, maxMessageBytes, parseCommandTopic } from './topics.ts';

export interface CommandContext {
  /** Unique a command; the same again where it is run again after an interruption. */
  readonly id: string;
  readonly timeMs: number;
  /** It was begun before the device stopped; what it did then may be there already. */
  readonly again: boolean;
  /** The device is stopping: a handler may throw, and the command runs again at the next start. */
  readonly signal: AbortSignal;
}

/** Throws `WhetError` for what the sender should know; anything else thrown is answered as `internal`. */
export type CommandHandlers = {
  readonly [C in CommandType]: (payload: CommandPayload<C>, context: CommandContext) => Promise<CommandResult<C>>;
};

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
  readonly payload: Uint8Array;
  readonly timeMs: number;
}

/** Recorded in place of the payload of a retained command; no JSON begins like this. */
const retainedMark = Buffer.from('\0retained');

export function createCommands(
  address: Address,
  commandLog: CommandLog,
  handlers: CommandHandlers,
  log: Log,
  clock: Clock,
  finished: () => void,
  refuse: (answer: OutboxMessage) => void,
): Commands {
  const stopping = new AbortController();
  const queue: (Accepted & { readonly again: boolean })[] = [];
  let running: Promise<void> | null = null;
  let ignored = 0;

  function run(): void {
    running ??= runAll().finally(() => {
      running = null;
    });
  }

  async function runAll(): Promise<void> {
    for (let next = queue.shift(); next !== undefined && !stopping.signal.aborted; next = queue.shift()) {
      const result = await answer(next);
      if (result === null) return;
      try {
        commandLog.finish(next.type, next.id, resultMessage(next, result, clock.now()));
        finished();
      } catch (error) {
        // It stays recorded as unfinished and is answered after the next start.
        log.error({ command: next.type, id: next.id }, `the result of a command cannot be stored: ${messageOf(error)}`);
      }
    }
  }

  /** null where the device is stopping and the command is to run again. */
  async function answer(command: Accepted & { readonly again: boolean }): Promise<object | null> {
    const checked = check(command.type, command.payload);
    if (checked.kind === 'refused') {
      log.warn({ command: command.type, id: command.id }, `command refused: ${checked.failure.error.message}`);
      return checked.failure;
    }
    if (command.again && !commands[checked.type].rerunnable(checked.payload as never)) {
      return failure('interrupted', 'the device stopped while this ran; look at its state and ask again');
    }
    log.info({ command: command.type, id: command.id, again: command.again }, 'command');
    try {
      const { id, timeMs, again } = command;
      const handler = handlers[checked.type] as (payload: unknown, context: CommandContext) => Promise<unknown>;
      return checkedResult(checked.type, await handler(checked.payload, { id, timeMs, again, signal: stopping.signal }));
    } catch (error) {
      if (stopping.signal.aborted) return null;
      if (!(error instanceof WhetError)) log.error({ err: error, command: command.type, id: command.id }, 'a command failed');
      return error instanceof WhetError ? failureOf(error) : failure('internal', messageOf(error));
    }
  }

  /** Where too many wait the sender is told at once, without a record: it may send the same command again later. */
  function accept(command: Accepted): 'new' | 'duplicate' | 'full' {
    try {
      return commandLog.accept(command);
    } catch (error) {
      if (!(error instanceof WhetError && error.code === 'commands-full')) throw error;
      refuse({ ...resultMessage(command, failureOf(error), clock.now()), priority: 'low' });
      return 'full';
    }
  }

  return {
    start() {
      queue.push(...commandLog.unfinished().map((command) => ({ ...command, again: true })));
      run();
    },
    take(message) {
      const name = parseCommandTopic(address, message.topic);
      if (name === null) {
        ignored += 1;
        log.warn({ topic: message.topic.slice(0, 200) }, 'message on a topic that is no command and cannot be answered');
        return;
      }
      const timeMs = clock.now();
      // One byte more than allowed is kept, so that an oversized command is still recognized as such after a restart.
      const payload = message.retained ? retainedMark : message.payload.subarray(0, maxMessageBytes + 1);
      const accepted = accept({ ...name, payload, timeMs });
      if (accepted !== 'new') {
        log.debug(
          { command: name.type, id: name.id },
          accepted === 'full' ? 'too many commands wait' : 'command was here before; not run again',
        );
        return;
      }
      queue.push({ ...name, payload, timeMs, again: false });
      run();
    },
    async stop(graceMs) {
      stopping.abort();
      await Promise.race([running, new Promise((resolve) => setTimeout(resolve, graceMs).unref())]);
    },
    get ignored() {
      return ignored;
    },
  };
}

type Checked =
  | { readonly kind: 'valid'; readonly type: CommandType; readonly payload: unknown }
  | { readonly kind: 'refused'; readonly failure: CommandFailure };

/** Bytes from the network → a payload by its schema, or the error that answers it. An empty payload stands for `{}`. */
export function check(type: string, payload: Uint8Array): Checked {
  const refused = (code: CommandErrorCode, message: string): Checked => ({ kind: 'refused', failure: failure(code, message) });
  if (!isCommandType(type)) return refused('unknown-command', `'${type}' is none of ${Object.keys(commands).join(', ')}`);
  if (retainedMark.equals(payload)) return refused('retained', 'publish commands without the retain flag');
  if (payload.byteLength > maxMessageBytes) return refused('too-large', `a command takes at most ${maxMessageBytes} bytes`);
  let value: unknown;
  try {
    value = payload.byteLength === 0 ? {} : JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch (error) {
    return refused('malformed', `not JSON: ${messageOf(error)}`);
  }
  const parsed = commands[type].payload.safeParse(value);
  if (!parsed.success) return refused('malformed', z.prettifyError(parsed.error));
  return { kind: 'valid', type, payload: parsed.data };
}

function failure(code: CommandErrorCode, message: string): CommandFailure {
  return { ok: false, error: { code, message: clip(message) } };
}

function failureOf({ code, message, hint }: WhetError): CommandFailure {
  return { ok: false, error: { code, message: clip(hint === undefined ? message : `${message} ${hint}`) } };
}

function clip(message: string): string {
  return message.length > 2000 ? `${message.slice(0, 1999)}…` : message;
}

/** What a handler gave, held against the contract: a result that does not fit it is a bug, and the sender is told so. */
function checkedResult(type: CommandType, result: unknown): object {
  const succeeded = (result as { readonly ok?: unknown } | null)?.ok === true;
  if (!succeeded) return result as CommandFailure;
  const parsed = commands[type].result.safeParse(result);
  if (parsed.success) return { ok: true, ...parsed.data };
  return failure('internal', `done, but its result does not fit the contract: ${z.prettifyError(parsed.error)}`);
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
