// A capture that a process may die over → its tensors, made in a process of its own that may. Takes bytes; says how the process ended where it gave
// nothing.
import { fork } from 'node:child_process';
import type { InputSpec } from '../config/card.ts';
import { errorCodeOf, WhetError } from '../errors.ts';
import { entryPoint } from '../installation.ts';
import { openCapture } from '../preprocess/capture-input.ts';
import type { UnderWay } from '../store/under-way.ts';
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

/**
 * A capture decoded in this process, unless one died over it before: then apart. For the command line, which has no worker. Throws what decoding
 * throws, and `capture-set-aside`.
 */
export async function decodeWarily(underWay: UnderWay, what: string, { bytes, input, count }: ApartJob): Promise<Decoded> {
  const course = underWay.courseOf(what);
  if (course === 'aside') throw setAside('a process died over it before');
  underWay.begin(what);
  if (course === 'plain') {
    try {
      const capture = await openCapture(bytes, input);
      return { plain: capture.plain, views: capture.views(count) };
    } finally {
      underWay.finish(what);
    }
  }
  const answer = await decodeApart(bytes, input, count);
  if (answer.kind === 'absent') throw new WhetError('inference-unavailable', answer.why);
  if (answer.kind === 'died') {
    underWay.setAside(what);
    throw setAside(answer.why);
  }
  underWay.finish(what);
  if (answer.kind === 'failed')
    throw new WhetError(errorCodeOf(answer.code), answer.message, answer.hint === null ? {} : { hint: answer.hint });
  return answer.decoded;
}

export function setAside(why: string): WhetError {
  return new WhetError('capture-set-aside', `it is set aside: ${why}`, {
    hint: 'Remove the file, or make it smaller and give it another name.',
  });
}

/** 'absent': its process could not be started, which says nothing of the capture. */
type NoAnswer = { readonly kind: 'died'; readonly why: string } | { readonly kind: 'absent'; readonly why: string };

/** A board that swaps takes its time; what takes longer hangs. */
const timeoutMs = 60_000;
const smallHeap = ['--max-old-space-size=256', '--max-semi-space-size=1'];

/** Never rejects. */
export function decodeApart(bytes: Uint8Array, input: InputSpec, count: number): Promise<ApartAnswer | NoAnswer> {
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
