// Which picture format the first bytes announce. Takes hostile bytes, gives a name or the reason why not; formats that run code or pull
// in other files (SVG, PDF, ImageMagick's) are unknown here, and so never reach a decoder.

export type PictureFormat = { readonly kind: 'known'; readonly name: string } | { readonly kind: 'unknown'; readonly reason: string };

const signatures: readonly (readonly [name: string, offset: number, text: string])[] = [
  ['JPEG', 0, '\xff\xd8\xff'],
  ['PNG', 0, '\x89PNG\r\n\x1a\n'],
  ['GIF', 0, 'GIF87a'],
  ['GIF', 0, 'GIF89a'],
  ['WebP', 8, 'WEBP'],
  ['TIFF', 0, 'II*\0'],
  ['TIFF', 0, 'MM\0*'],
  ['AVIF', 4, 'ftypavif'],
  ['AVIF', 4, 'ftypavis'],
  ['AVIF', 4, 'ftypmif1'],
];

export function pictureFormat(bytes: Uint8Array): PictureFormat {
  if (bytes.length === 0) return { kind: 'unknown', reason: 'empty (0 bytes)' };
  const start = String.fromCharCode(...bytes.subarray(0, 32));
  const known = signatures.find(([, offset, text]) => start.startsWith(text, offset));
  if (known !== undefined) return { kind: 'known', name: known[0] };
  const printable = /^[\t\n\r\x20-\x7e]+$/.test(start);
  const shown = printable ? `the text ${JSON.stringify(start.slice(0, 20))}` : `the bytes ${hex(bytes.subarray(0, 8))}`;
  return { kind: 'unknown', reason: `not a picture: it begins with ${shown}` };
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
