// The most that the values of a graph take at one moment, if nodes run in the order in which they are written: a value lives from its node to
// its last reader. As the runtime does it, views (Reshape …) share what they view, and an elementwise result takes the place of an operand of
// its size that nobody reads any more. Inputs, constants and what the enclosing graph holds are not counted. Pure.
import { reads } from '../onnx/graph.ts';
import type { DType, Graph } from '../onnx/ir.ts';
import { is } from '../onnx/operator-traits.ts';
import { operatorOf } from './operators.ts';

export interface Peak {
  /** Of all values that live at the worst moment. */
  readonly bytes: number;
  /** How much of that is what `watched` names. */
  readonly watchedBytes: number;
}

export function peakOf(graph: Graph, bytesOf: (name: string) => number, watched: ReadonlySet<string>): Peak {
  const source = new Map<string, string>();
  const buffer = (name: string): string => source.get(name) ?? name;
  const lastRead = new Map<string, number>();
  graph.nodes.forEach((node, at) => {
    if (is(node, 'view')) source.set(node.outputs[0] as string, buffer(node.inputs[0] as string));
    for (const name of [...reads(node), ...node.outputs]) lastRead.set(buffer(name), at);
  });
  for (const { name } of graph.outputs) lastRead.set(buffer(name), graph.nodes.length);

  const live = new Map<string, number>();
  let peak: Peak = { bytes: 0, watchedBytes: 0 };
  const watchedBuffers = new Set([...watched].map(buffer));
  graph.nodes.forEach((node, at) => {
    const ends = (name: string) => live.has(name) && lastRead.get(name) === at;
    for (const name of node.outputs.filter((each) => each !== '' && buffer(each) === each)) {
      const bytes = bytesOf(name);
      const heir =
        operatorOf(node)?.inPlace === true ? node.inputs.map(buffer).find((each) => ends(each) && live.get(each) === bytes) : undefined;
      if (heir !== undefined) live.delete(heir);
      live.set(name, bytes);
    }
    const total = sum([...live.values()]);
    if (total > peak.bytes) {
      peak = { bytes: total, watchedBytes: sum([...live].filter(([name]) => watchedBuffers.has(name)).map(([, bytes]) => bytes)) };
    }
    for (const name of [...live.keys()]) if (ends(name)) live.delete(name);
  });
  return peak;
}

/** Of the types that a training step holds. */
export function bytesPerElement(dtype: DType): number {
  if (dtype === 'bool' || dtype === 'int8' || dtype === 'uint8') return 1;
  return dtype === 'int64' || dtype === 'float64' ? 8 : 4;
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
