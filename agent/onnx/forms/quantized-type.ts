// The integer type of a quantized tensor: its zero point's where there is one, else what `output_dtype` says (opset 21), else uint8.
// Refuses types that hold no integers (`operator-unsupported`).
import { WhetError } from '../../errors.ts';
import { intAttribute } from '../attributes.ts';
import { type DType, type Node, nodeKey, type Tensor } from '../ir.ts';
import { is } from '../operator-traits.ts';
import { typeOf } from '../result-type.ts';
import type { GraphView } from '../view.ts';

/** `node` quantizes or reads the tensor; `zeroPoint` is its own, null where it is left out. */
export function quantizedType(seen: GraphView, node: Node, zeroPoint: Tensor | null): DType {
  if (zeroPoint !== null) return zeroPoint.dtype;
  if (node.op === 'QuantizeLinear') return outputType(node);
  if (node.op !== 'DequantizeLinear') return 'uint8';
  const [x = '', scale = ''] = node.inputs;
  const stored = seen.constant(x);
  if (stored !== null) return stored.dtype;
  let producer = seen.producer(x);
  while (producer !== undefined && is(producer, 'keeps-scale')) producer = seen.producer(producer.inputs[0] ?? '');
  if (producer?.op === 'QuantizeLinear') return quantizedType(seen, producer, seen.constant(producer.inputs[2] ?? ''));
  // The other operators that quantize cannot do without a zero point; it stands beside the scale.
  const at = producer?.inputs.indexOf(scale) ?? -1;
  return (at < 0 ? null : seen.constant(producer?.inputs[at + 1] ?? ''))?.dtype ?? 'uint8';
}

function outputType(node: Node): DType {
  const wanted = intAttribute(node, 'output_dtype', 0);
  const dtype = wanted === 0 ? 'uint8' : typeOf(wanted);
  if (dtype !== null) return dtype;
  throw new WhetError('operator-unsupported', `QuantizeLinear '${node.name || nodeKey(node)}': output_dtype ${wanted} is not supported`, {
    hint: 'Use 8-bit quantization.',
  });
}
