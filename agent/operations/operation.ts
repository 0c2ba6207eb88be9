// What an operation is: something that a person or a program asks of a device. One record each, in a file of its own; the control socket,
// MQTT, the command line and the documents that describe them carry all of them alike, and know none by name.
import type { z } from 'zod';
import type { DeviceParts } from '../engine/parts.ts';
import type { Labeller } from '../store/sample-rows.ts';
import type { Progress } from '../types.ts';

/** Quick ones are answered at once, also while a long one runs; long ones follow one another. */
export type Lane = 'quick' | 'long';

export interface OperationContext {
  readonly by: Labeller;
  readonly progress: Progress;
  /** The caller gave up, or the device stops. */
  readonly signal: AbortSignal;
}

export interface Operation<A extends z.ZodType, R extends z.ZodObject, V extends object> {
  /** One line for people. */
  readonly summary: string;
  /** Held against what comes in, whoever carries it. */
  readonly arguments: A;
  /** What of the value goes over the network; the control socket carries the whole value. */
  readonly result: R;
  readonly lane: Lane;
  /** Whether one that a power cut interrupted may run again; where not, it is answered with the error `interrupted`. */
  rerunnable(args: z.output<A>): boolean;
  /** Throws `WhetError` for what the caller should know. */
  run(device: DeviceParts, args: z.output<A>, context: OperationContext): Promise<V>;
}

/** The record itself: this only finds out its types. */
export function operation<A extends z.ZodType, R extends z.ZodObject, V extends object>(record: Operation<A, R, V>): Operation<A, R, V> {
  return record;
}

export const always = (): boolean => true;
