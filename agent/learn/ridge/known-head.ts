// The head of a tail as those see it who hold what it knows: every row of weights centred over the classes that have some, which softmax does not
// see; and where classes without weights begin. Pure.
import type { RidgeFit } from './ridge.ts';
import type { Head } from './stand-ins.ts';

export function headOf(start: RidgeFit, known: readonly boolean[]): Head {
  return { ...centred(start, known), classes: known.length, known };
}

/** A class without weights begins as the mean of those that have some: it is likelier than none and than all of them alike. */
export function begin({ weights, bias }: RidgeFit, known: readonly boolean[]): RidgeFit {
  const fill = (values: Float32Array) => {
    const filled = Float32Array.from(values);
    eachRow(filled, known.length, (from) => {
      const mean = meanOf(filled, from, known);
      for (const [label, isKnown] of known.entries()) if (!isKnown) filled[from + label] = mean;
    });
    return filled;
  };
  return { weights: fill(weights), bias: fill(bias) };
}

function centred({ weights, bias }: RidgeFit, known: readonly boolean[]): RidgeFit {
  const centre = (values: Float32Array) => {
    const moved = Float32Array.from(values);
    eachRow(moved, known.length, (from) => {
      const mean = meanOf(moved, from, known);
      for (let at = from; at < from + known.length; at += 1) moved[at]! -= mean;
    });
    return moved;
  };
  return { weights: centre(weights), bias: centre(bias) };
}

function meanOf(values: Float32Array, from: number, known: readonly boolean[]): number {
  let [sum, count] = [0, 0];
  for (const [label, isKnown] of known.entries()) {
    if (!isKnown) continue;
    sum += values[from + label]!;
    count += 1;
  }
  return sum / count;
}

function eachRow(values: Float32Array, classes: number, visit: (from: number) => void): void {
  for (let from = 0; from < values.length; from += classes) visit(from);
}
