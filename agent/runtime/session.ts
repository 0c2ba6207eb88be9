// The only importer of onnxruntime-node. Opens sessions on model bytes and runs them with plain tensors; refuses nothing by itself, but
// every failure of the runtime becomes a `runtime-failed` that names the model. `run` blocks the calling thread while it computes.
import './telemetry-off.ts';
import * as ort from 'onnxruntime-node';
import { messageOf, WhetError } from '../errors.ts';
import type { DType, Tensor } from '../onnx/ir.ts';
import { asInput } from './feeds.ts';

export interface SessionOptions {
  /** For messages: which model or part this is. */
  readonly label: string;
  /** 'disabled' is what bit-exact proofs need; 'all' unless told. */
  readonly optimization?: 'disabled' | 'basic' | 'extended' | 'all';
  /** Plans one block of memory for all values of a run; where they are large this takes more of it, and is no faster. true unless told. */
  readonly memoryPattern?: boolean;
}

export interface RuntimeSettings {
  /** Threads inside one operator; 1 unless told. */
  readonly threads?: number;
  /** Execution providers in order of preference; ['cpu'] unless told. */
  readonly providers?: readonly string[];
}

export interface Session extends AsyncDisposable {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Runs once, in float32 whatever float or byte the model takes. `feeds` must hold every input; `fetches` limits what is computed and copied out. */
  run(feeds: Readonly<Record<string, Tensor>>, fetches?: readonly string[]): Promise<Record<string, Tensor>>;
  close(): Promise<void>;
}

/** Version of the runtime, as it reports itself. */
export const runtimeVersion: string = ort.env.versions.node ?? ort.env.versions.common;

/** Names of the execution providers that this build of the runtime carries. */
export function availableProviders(): readonly string[] {
  return ort.listSupportedBackends().map((backend) => backend.name);
}

/** Gives back the memory of a tensor that a session made, at once and not when the collector comes by. It cannot be read any more. */
export function discard({ data }: Tensor): void {
  if (ArrayBuffer.isView(data) && data.buffer instanceof ArrayBuffer) data.buffer.transfer(0);
}

export async function openSession(bytes: Uint8Array, options: SessionOptions & RuntimeSettings): Promise<Session> {
  const session = await create(bytes, options);
  const types = new Map(session.inputMetadata.flatMap((input) => (input.isTensor ? [[input.name, input.type as DType] as const] : [])));
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    async run(feeds, fetches) {
      const inputs = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, toRuntime(asInput(tensor, types.get(name)))]));
      try {
        const outputs = await session.run(inputs, [...(fetches ?? session.outputNames)]);
        return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, fromRuntime(tensor)]));
      } catch (error) {
        throw new WhetError('runtime-failed', `ONNX Runtime failed to run ${options.label}: ${messageOf(error)}`, { cause: error });
      }
    },
    close: () => session.release(),
    [Symbol.asyncDispose]: () => session.release(),
  };
}

async function create(bytes: Uint8Array, options: SessionOptions & RuntimeSettings): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(bytes, {
      executionProviders: [...(options.providers ?? ['cpu'])],
      graphOptimizationLevel: options.optimization ?? 'all',
      intraOpNumThreads: options.threads ?? 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      enableMemPattern: options.memoryPattern ?? true,
      // Errors come as exceptions; what the runtime prints beside them holds names of a stranger's file, raw.
      logSeverityLevel: 4,
      // On x86-64 without VNNI the fast 8-bit kernels add two products in 16 bits, which overflows: a model would say other things there than
      // on every other processor. The exact kernels cost little; elsewhere the entry changes nothing.
      extra: { session: { x64quantprecision: '1' } },
    });
  } catch (error) {
    throw new WhetError('runtime-failed', `ONNX Runtime ${runtimeVersion} cannot load ${options.label}: ${messageOf(error)}`, {
      hint: 'The message names the node or operator; a newer onnxruntime-node or another export of the model may help.',
      cause: error,
    });
  }
}

function toRuntime(tensor: Tensor): ort.Tensor {
  if (tensor.dtype === 'bfloat16') throw new WhetError('runtime-failed', 'bfloat16 tensors cannot be fed to ONNX Runtime');
  const data = tensor.data as Float32Array;
  if (tensor.dtype !== 'float16') return new ort.Tensor(tensor.dtype as 'float32', data, tensor.dims);
  // The package makes JavaScript's own array of 16-bit floats of the patterns, and its native part then reads none of it (1.30).
  const patterns = new ort.Tensor('uint16', tensor.data as Uint16Array, tensor.dims);
  return Object.assign(patterns, { type: 'float16' });
}

function fromRuntime(tensor: ort.Tensor): Tensor {
  return { dtype: tensor.type as DType, dims: tensor.dims, data: tensor.data as Tensor['data'] };
}
