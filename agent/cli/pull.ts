// `whet models pull`: the catalog, and what was fetched → text.
import type { Catalog } from '../catalog/catalog.ts';
import type { Pulled } from '../catalog/pull.ts';
import { bytes, table } from './text.ts';

export function formatCatalog({ description, models }: Catalog): string {
  const rows = models.map(({ name, form, licence, bytes: size }) => [name, form, bytes(size), licence]);
  return `${description}\n\n${table([['name', 'form', 'size', 'licence'], ...rows])}\n\nFetch one with:  whet models pull NAME`;
}

export function formatPulled({ file, card, bytes: size, sha256, licence, fetched }: Pulled): string {
  return [
    `${fetched ? 'fetched' : 'is there'}   ${file}  ${bytes(size)}  sha256 ${sha256.slice(0, 16)}…  ${licence}`,
    card === null
      ? 'card      none: who made the model does not say how a picture becomes its input; `whet inspect` shows a draft'
      : `card      ${card}`,
    '',
    `Next:  whet adapt ${file} --data DIR --classes replace --out mine.onnx`,
  ].join('\n');
}
