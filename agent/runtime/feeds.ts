// Numbers at the runtime's door: this program computes in float32, models may take bytes or 16-bit floats and give 16-bit or 64-bit ones.
// What is fed as float32 becomes the type that the model takes; floats that a model's part gives become float32. Other types pass as they are.

import { asFloat32, floatTensor, quantizeTensor } from '../onnx/forms/quantized-values.ts';
import type { DType, Tensor } from '../onnx/ir.ts';

/** Input types that a sample of float32 numbers can be turned into. */
const feedable: ReadonlySet<DType> = new Set(['float32', 'float16', 'float64', 'uint8', 'int8']);

/** Bytes are rounded and kept in their range. */
export function asInput(tensor: Tensor, wanted: DType | undefined): Tensor {
  if (tensor.dtype !== 'float32' || wanted === undefined || wanted === 'float32' || !feedable.has(wanted)) return tensor;
  if (wanted === 'uint8' || wanted === 'int8') return quantizeTensor(tensor, [1], 0, wanted, 0);
  return floatTensor(wanted, tensor.dims, tensor.data as Float32Array);
}

export function asOutput(tensor: Tensor): Tensor {
  if (tensor.dtype !== 'float16' && tensor.dtype !== 'float64') return tensor;
  // Newer JavaScript engines have an array of 16-bit floats, which holds numbers and no patterns.
  if (tensor.dtype === 'float16' && !(tensor.data instanceof Uint16Array))
    return floatTensor('float32', tensor.dims, tensor.data as unknown as ArrayLike<number>);
  return asFloat32(tensor);
}
