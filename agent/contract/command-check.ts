// What strangers send as commands, held against the contract: bytes → a payload by its schema, or the error that answers them; and what is
// recorded of a command until it has run. Nothing here runs anything.
import { z } from 'zod';
import { messageOf, type WhetError } from '../errors.ts';
import type { Incoming } from '../mqtt/client.ts';
import type { CommandErrorCode, CommandFailure, CommandSpec, CommandTable } from './command-contract.ts';
import { maxMessageBytes } from './topics.ts';

/** Recorded in place of a payload that is refused, with the answer behind it; no JSON begins like this. */
const refusedMark = Buffer.from('\0refused ');

export type Checked = { readonly kind: 'valid'; readonly args: unknown } | { readonly kind: 'refused'; readonly failure: CommandFailure };

/** What this device takes: all commands there are, and those that its configuration allows. */
export interface Taken {
  readonly commands: CommandTable;
  readonly allowed: readonly string[];
}

/** What is recorded of a command: its payload, or why it is refused. Nobody keeps a stranger's hundred kilobytes to refuse them later. */
export function toKeep(taken: Taken, type: string, { payload, retained }: Incoming): Uint8Array {
  const checked = retained
    ? ({ kind: 'refused', failure: failure('retained', 'publish commands without the retain flag') } as const)
    : check(taken, type, payload);
  return checked.kind === 'valid' ? payload : Buffer.concat([refusedMark, Buffer.from(JSON.stringify(checked.failure))]);
}

/** What `toKeep` gave: nothing of a stranger's begins with the mark, for that is no JSON. */
export function kept(taken: Taken, type: string, recorded: Uint8Array): Checked {
  if (!refusedMark.equals(recorded.subarray(0, refusedMark.length))) return check(taken, type, recorded);
  return { kind: 'refused', failure: JSON.parse(Buffer.from(recorded.subarray(refusedMark.length)).toString()) };
}

/** Bytes from the network → a payload by its schema, or the error that answers it. An empty payload stands for `{}`. */
export function check({ commands, allowed }: Taken, type: string, payload: Uint8Array): Checked {
  const refused = (code: CommandErrorCode, message: string): Checked => ({ kind: 'refused', failure: failure(code, message) });
  const spec = Object.hasOwn(commands, type) ? commands[type] : undefined;
  if (spec === undefined) return refused('unknown-command', `'${type}' is none of ${Object.keys(commands).join(', ')}`);
  if (!allowed.includes(type)) {
    return refused(
      'not-allowed',
      `this device takes ${allowed.join(', ')} over MQTT; name '${type}' in mqtt.commands of its configuration`,
    );
  }
  if (payload.byteLength > maxMessageBytes) return refused('too-large', `a command takes at most ${maxMessageBytes} bytes`);
  let value: unknown;
  try {
    value = payload.byteLength === 0 ? {} : JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch (error) {
    return refused('malformed', `not JSON: ${messageOf(error)}`);
  }
  const parsed = spec.arguments.safeParse(value);
  if (!parsed.success) return refused('malformed', z.prettifyError(parsed.error));
  return { kind: 'valid', args: parsed.data };
}

export function failure(code: CommandErrorCode, message: string): CommandFailure {
  return { ok: false, error: { code, message: clip(message) } };
}

export function failureOf({ code, message, hint }: WhetError): CommandFailure {
  return { ok: false, error: { code, message: clip(hint === undefined ? message : `${message} ${hint}`) } };
}

function clip(message: string): string {
  return message.length > 2000 ? `${message.slice(0, 1999)}…` : message;
}

/** What an operation gave, held against the contract: a result that does not fit it is a bug, and the sender is told so. */
export function checkedResult({ result }: CommandSpec, value: unknown): object {
  const parsed = result.safeParse(value);
  if (parsed.success) return { ok: true, ...parsed.data };
  return failure('internal', `done, but its result does not fit the contract: ${z.prettifyError(parsed.error)}`);
}
