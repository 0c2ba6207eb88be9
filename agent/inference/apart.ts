// A capture that a process may die over → its tensors, made in a process of its own that may. Takes bytes; says how the process ended where it gave
// nothing. Never rejects.
import { fork } from 'node:child_process';
import type { InputSpec } from '../config/card.ts';
import { entryPoint } from '../installation.ts';
import type { Decoded } from './protocol.ts';

export interface ApartJob {
  readonly bytes: Uint8Array;
  readonly input: InputSpec;
  /** Views to draw besides. */
  readonly count: number;
}

export type ApartAnswer =
  | { readonly kind: 'decoded'; readonly decoded: Decoded }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly hint: string | null };

/** A board that swaps takes its time; what takes longer hangs. */
const timeoutMs = 60_000;
const smallHeap = ['--max-old-space-size=256', '--max-semi-space-size=1'];

export function decodeApart(
  bytes: Uint8Array,
  input: InputSpec,
  count: number,
): Promise<ApartAnswer | { readonly kind: 'died' | 'absent'; readonly why: string }> {
  return new Promise((resolve) => {
    const child = fork(entryPoint('inference/decode-apart'), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: smallHeap,
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.on('message', (answer: ApartAnswer) => resolve(answer));
    child.on('error', (error) => resolve({ kind: 'absent', why: `its process could not be started: ${error.message}` }));
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      resolve({ kind: 'died', why: `the process that decoded it ended with ${signal ?? `status ${code}`}` });
    });
    child.send({ bytes, input, count } satisfies ApartJob, () => {});
  });
}
