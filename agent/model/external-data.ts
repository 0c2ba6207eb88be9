// Weights that lie beside a model file. Takes what the model says of each piece; gives its bytes, from the folder of the model and nowhere else.
// Refuses (`model-unreadable`, `model-unsupported`), before anything is read, pieces that overlap, the model file itself as data, and more than fits.
import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname, resolve, sep } from 'node:path';
import { WhetError } from '../errors.ts';
import type { ExternalData, ExternalPiece } from '../onnx/codec/tensor-codec.ts';

/** Protobuf's end, also where the weights came from beside the model: the runtime is given one file. */
export const maxModelBytes = 2 ** 31 - 1;

interface Piece {
  readonly from: number;
  readonly to: number;
}

/** `modelBytes` is the size of the model file, which counts. */
export function createExternalReader(path: string, modelBytes: number, memory = totalmem()): ExternalData {
  const find = ({ location, offset, length }: ExternalPiece) => findPiece(path, location, offset, length);
  return {
    claim(pieces) {
      const taken = new Map<string, Piece[]>();
      const budget = Math.min(maxModelBytes, memory / 2);
      let total = modelBytes;
      for (const each of pieces) {
        const found = find(each);
        if (found === null) continue;
        claim(taken, found.file, each.location, found);
        total += found.to - found.from;
        if (total <= budget) continue;
        const most = `${Math.floor(budget / 2 ** 20)} MB`;
        throw new WhetError('model-unsupported', `'${path}' and its external data have more than ${most}`, {
          hint: 'Models of at most 2 GB and half of the memory of the machine are taken. Quantize it to int8, or use a smaller one.',
        });
      }
    },
    read(piece) {
      const found = find(piece);
      if (found === null) return null;
      const bytes = new Uint8Array(found.to - found.from);
      const opened = openSync(found.file, 'r');
      try {
        return readSync(opened, bytes, 0, bytes.length, found.from) === bytes.length ? bytes : null;
      } finally {
        closeSync(opened);
      }
    },
  };
}

/** null where there is no such file, or less in it. */
function findPiece(path: string, location: string, offset: number, length: number | null): (Piece & { readonly file: string }) | null {
  const folder = realpathSync(dirname(resolve(path)));
  const file = realFile(resolve(folder, location));
  if (file === null) return null;
  // A hostile model must not read files elsewhere on the device, also not through a symbolic link.
  if (!file.startsWith(folder.endsWith(sep) ? folder : folder + sep)) {
    throw new WhetError('model-unreadable', `the model's external data '${location}' lie outside the folder of the model`, {
      hint: 'Put the data file beside the model.',
    });
  }
  if (file === realpathSync(path)) throw damaged(`the model's external data '${location}' are the model file itself`);
  const { size } = statSync(file);
  const wanted = length ?? size - offset;
  const isInside = [offset, wanted].every(Number.isSafeInteger) && offset >= 0 && wanted >= 0 && offset + wanted <= size;
  return isInside ? { file, from: offset, to: offset + wanted } : null;
}

/** Every byte is the weight of one tensor: files of a few megabytes must not become gigabytes. */
function claim(taken: Map<string, Piece[]>, file: string, location: string, piece: Piece): void {
  const pieces = taken.get(file) ?? [];
  // In order of their begin, and apart: only the neighbours can overlap.
  let [low, high] = [0, pieces.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (pieces[middle]!.from < piece.from) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [pieces[low - 1], pieces[low]];
  if (piece.to > piece.from && ((before !== undefined && before.to > piece.from) || (after !== undefined && after.from < piece.to)))
    throw damaged(`two tensors of the model share bytes ${piece.from} to ${piece.to} of its external data '${location}'`);
  if (piece.to > piece.from) pieces.splice(low, 0, piece);
  taken.set(file, pieces);
}

function realFile(file: string): string | null {
  try {
    return statSync(file).isFile() ? realpathSync(file) : null;
  } catch {
    return null;
  }
}

function damaged(what: string): WhetError {
  return new WhetError('model-unreadable', what, { hint: 'The file is damaged, or made to harm; fetch or export it again.' });
}
