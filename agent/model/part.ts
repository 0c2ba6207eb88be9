// Opens a model, or a part of one, in the runtime. Takes records, gives a session; where the runtime's own graph optimizer makes an
// invalid graph of a valid one, opens it with basic optimizations and says so.

import { WhetError } from '../errors.ts';
import { encodeModel } from '../onnx/codec/encode.ts';
import type { Model } from '../onnx/ir.ts';
import { asOutput } from '../runtime/feeds.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Session } from '../runtime/session.ts';

export interface Part extends AsyncDisposable {
  readonly session: Session;
  /** 'basic' where the full optimization of this runtime fails on the graph (seen with int8 QDQ pairs before a Reshape at opset 21). */
  readonly optimization: 'disabled' | 'basic' | 'all';
}

export async function openPart(
  runtime: Runtime,
  model: Model | Uint8Array,
  options: { readonly label: string; readonly optimization?: 'disabled' | 'all' },
): Promise<Part> {
  const bytes = model instanceof Uint8Array ? model : encodeModel(model);
  const wanted = options.optimization ?? 'all';
  try {
    return part(await runtime.open(bytes, { ...options, optimization: wanted }), wanted);
  } catch (error) {
    if (wanted === 'disabled' || !(error instanceof WhetError)) throw error;
    const session = await runtime.open(bytes, { ...options, optimization: 'basic' }).catch(() => null);
    // The first message is the one that names the cause.
    if (session === null) throw error;
    return part(session, 'basic');
  }
}

/** Models give floats of any width; this program computes with float32. */
function part(inner: Session, optimization: Part['optimization']): Part {
  const session: Session = {
    ...inner,
    async run(feeds, fetches) {
      const outputs = await inner.run(feeds, fetches);
      return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, asOutput(tensor)]));
    },
  };
  return { session, optimization, [Symbol.asyncDispose]: () => session.close() };
}
