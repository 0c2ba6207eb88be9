// Which picture format the first bytes announce. Takes hostile bytes, gives a name or the reason why not, and what would help; formats that run
// code or pull in other files (SVG, PDF, ImageMagick's) are unknown here, and so never reach a decoder.

export type PictureFormat =
  | { readonly kind: 'known'; readonly name: string }
  | { readonly kind: 'unknown'; readonly reason: string; readonly hint: string };

interface Signature {
  readonly name: string;
  readonly offset: number;
  readonly text: string;
}

const read: readonly Signature[] = [
  { name: 'JPEG', offset: 0, text: '\xff\xd8\xff' },
  { name: 'PNG', offset: 0, text: '\x89PNG\r\n\x1a\n' },
  { name: 'GIF', offset: 0, text: 'GIF87a' },
  { name: 'GIF', offset: 0, text: 'GIF89a' },
  { name: 'WebP', offset: 8, text: 'WEBP' },
  { name: 'TIFF', offset: 0, text: 'II*\0' },
  { name: 'TIFF', offset: 0, text: 'MM\0*' },
];

/** Pictures, or what stands where one should be, that are not read here. */
const notRead: readonly (Signature & { readonly remedy?: string })[] = [
  { name: 'a BMP picture', offset: 0, text: 'BM' },
  { name: 'a JPEG 2000 picture', offset: 0, text: '\0\0\0\x0cjP  ' },
  { name: 'a JPEG 2000 picture', offset: 0, text: '\xff\x4f\xff\x51' },
  { name: 'a JPEG XL picture', offset: 0, text: '\0\0\0\x0cJXL ' },
  { name: 'a JPEG XL picture', offset: 0, text: '\xff\x0a' },
  { name: 'a BigTIFF picture', offset: 0, text: 'II+\0' },
  { name: 'a BigTIFF picture', offset: 0, text: 'MM\0+' },
  { name: 'a raw photograph (CR3)', offset: 4, text: 'ftypcrx ' },
  { name: 'a raw photograph (RAF)', offset: 0, text: 'FUJIFILM' },
  { name: 'a Photoshop file', offset: 0, text: '8BPS' },
  { name: 'an icon (ICO)', offset: 0, text: '\0\0\x01\0' },
  { name: 'a PDF document', offset: 0, text: '%PDF', remedy: 'Export its pages as JPEG or PNG.' },
  { name: 'an SVG drawing', offset: 0, text: '<svg', remedy: 'Export it as PNG.' },
  {
    name: 'a web page',
    offset: 0,
    text: '<!DOCTYPE',
    remedy: 'The download gave a page instead of the picture: fetch the picture itself.',
  },
  { name: 'a web page', offset: 0, text: '<html', remedy: 'The download gave a page instead of the picture: fetch the picture itself.' },
];

const readable = 'JPEG, PNG, WebP, GIF, TIFF and AVIF are read.';
const convert = `Convert it to JPEG or PNG. ${readable}`;
const heicRemedy =
  'Convert it to JPEG (`heif-convert photo.heic photo.jpg`). On an iPhone: Settings › Camera › Formats › Most Compatible makes JPEG from now on.';

/** ISO/IEC 23008-12: files of one coded picture or a sequence, by their major brand. */
const heifBrands: ReadonlySet<string> = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs']);
const neutralBrands: ReadonlySet<string> = new Set(['mif1', 'msf1', 'miaf']);

export function pictureFormat(bytes: Uint8Array): PictureFormat {
  if (bytes.length === 0) return { kind: 'unknown', reason: 'empty (0 bytes)', hint: readable };
  const start = String.fromCharCode(...bytes.subarray(0, 32));
  const known = read.find(({ offset, text }) => start.startsWith(text, offset));
  if (known !== undefined) return { kind: 'known', name: known.name };
  if (start.startsWith('ftyp', 4)) return boxedFormat(bytes, start);
  const other = notRead.find(({ offset, text }) => start.startsWith(text, offset));
  if (other !== undefined)
    return { kind: 'unknown', reason: `not a picture that is read here: it is ${other.name}`, hint: other.remedy ?? convert };
  const printable = /^[\t\n\r\x20-\x7e]+$/.test(start);
  const shown = printable ? `the text ${JSON.stringify(start.slice(0, 20))}` : `the bytes ${hex(bytes.subarray(0, 8))}`;
  return { kind: 'unknown', reason: `not a picture: it begins with ${shown}`, hint: readable };
}

/** AVIF, HEIC and films begin alike; where the major brand says nothing, the compatible ones do. */
function boxedFormat(bytes: Uint8Array, start: string): PictureFormat {
  const major = start.slice(8, 12);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = Math.min(bytes.length, bytes.length >= 4 ? view.getUint32(0) : 0, 256);
  const compatible: string[] = [];
  for (let at = 16; at + 4 <= end; at += 4) compatible.push(String.fromCharCode(...bytes.subarray(at, at + 4)));
  const brands = neutralBrands.has(major) ? compatible : [major];
  if (brands.includes('avif') || brands.includes('avis')) return { kind: 'known', name: 'AVIF' };
  if (neutralBrands.has(major) || brands.some((brand) => heifBrands.has(brand)))
    return { kind: 'unknown', reason: 'not a picture that is read here: it is a HEIC picture', hint: heicRemedy };
  const raw = notRead.find(({ offset, text }) => offset === 4 && start.startsWith(text, offset));
  if (raw !== undefined) return { kind: 'unknown', reason: `not a picture that is read here: it is ${raw.name}`, hint: convert };
  return { kind: 'unknown', reason: 'not a picture: it is a film (MP4 or QuickTime)', hint: `Take single pictures out of it. ${readable}` };
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
