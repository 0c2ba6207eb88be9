// How models are run on this machine: threads and execution providers, decided once and handed down. Whoever runs a graph asks it for a
// session; nobody below a command, the daemon, its worker and its trainer makes one.
import { openSession, type RuntimeSettings, type Session, type SessionOptions } from './session.ts';

export interface Runtime extends Required<RuntimeSettings> {
  /** Opens a model's bytes. Refuses what ONNX Runtime refuses, with `runtime-failed` and the model's label. */
  open(bytes: Uint8Array, options: SessionOptions): Promise<Session>;
}

/** One thread on the processor unless told. */
export function createRuntime({ threads = 1, providers = ['cpu'] }: RuntimeSettings = {}): Runtime {
  return { threads, providers, open: (bytes, options) => openSession(bytes, { ...options, threads, providers }) };
}
