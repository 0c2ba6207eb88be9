// All operations of a device, by name; and a device as its callers see it: one function each, whoever carries it out.
import { z } from 'zod';
import type { CommandName } from '../config/command-names.ts';
import type { DeviceParts } from '../engine/parts.ts';
import { WhetError } from '../errors.ts';
import type { Labeller } from '../store/sample-rows.ts';
import type { Progress } from '../types.ts';
import type { RunCommand } from '../uplink/commands.ts';
import { add } from './add.ts';
import { deploy } from './deploy.ts';
import { forget } from './forget.ts';
import { label } from './label.ts';
import type { OperationContext } from './operation.ts';
import { pause, resume } from './pause.ts';
import { questions } from './questions.ts';
import { releases } from './releases.ts';
import { rollback } from './rollback.ts';
import { samples } from './samples.ts';
import { show } from './show.ts';
import { snapshot } from './snapshot.ts';
import { status } from './status.ts';
import { train } from './train.ts';

export const operations = {
  status,
  questions,
  samples,
  show,
  add,
  label,
  train,
  pause,
  resume,
  releases,
  rollback,
  snapshot,
  deploy,
  forget,
} as const satisfies Record<CommandName, object>;

export type OperationName = keyof typeof operations;
export type Arguments<N extends OperationName> = z.input<(typeof operations)[N]['arguments']>;
export type Value<N extends OperationName> = Awaited<ReturnType<(typeof operations)[N]['run']>>;

export interface CallOptions {
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Who asks; 'cli' unless told. */
  readonly by?: Labeller;
}

export type Device = AsyncDisposable & {
  readonly [N in OperationName]: (args: Arguments<N>, options?: CallOptions) => Promise<Value<N>>;
};

/** Carries one call out, or to where it is carried out. */
export type Invoke = (name: OperationName, args: unknown, options: CallOptions) => Promise<unknown>;

export function isOperation(name: string): name is OperationName {
  return Object.hasOwn(operations, name);
}

export function deviceOf(invoke: Invoke, close: () => Promise<void>): Device {
  const names = Object.keys(operations).filter(isOperation);
  const calls = names.map((name) => [name, (args: unknown, options: CallOptions = {}) => invoke(name, args, options)]);
  return { ...Object.fromEntries(calls), [Symbol.asyncDispose]: close };
}

/** Runs an operation here. Arguments are a stranger's: `usage` where they are not what it takes. */
export async function runOperation(parts: DeviceParts, name: OperationName, args: unknown, options: CallOptions): Promise<object> {
  const parsed = operations[name].arguments.safeParse(args);
  if (!parsed.success) throw new WhetError('usage', `${name}: ${z.prettifyError(parsed.error)}`);
  const { progress = () => {}, signal = new AbortController().signal, by = 'cli' } = options;
  const run = operations[name].run as (parts: DeviceParts, args: unknown, context: OperationContext) => Promise<object>;
  return run(parts, parsed.data, { by, progress, signal });
}

/** A device whose operations run here. */
export function localDevice(parts: DeviceParts, close: () => Promise<void>): Device {
  return deviceOf((name, args, options) => runOperation(parts, name, args, options), close);
}

/** What a broker's messages are carried out by. */
export function runCommand(parts: DeviceParts): RunCommand {
  return (type, args, { signal }) => {
    if (!isOperation(type)) throw new Error(`no operation '${type}'`);
    return runOperation(parts, type, args, { by: 'mqtt', signal });
  };
}
