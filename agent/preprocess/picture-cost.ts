// What the decoder of a picture's format needs in memory, from its header alone. Numbers were measured with sharp 0.35 (libvips 8.18) on pictures
// of 16 megapixels and rounded up: a sequential JPEG passes by line by line, an AVIF stands whole in memory several times.

/** No picture of any format may have more, whatever it costs. */
export const maxPixels = 50_000_000;

/** What `sharp().metadata()` says of it. */
export interface PictureHeader {
  readonly format: string;
  readonly channels: number;
  /** Type of a sample in libvips. */
  readonly depth: string;
  readonly orientation?: number | undefined;
  readonly isProgressive?: boolean | undefined;
  readonly chromaSubsampling?: string | undefined;
  readonly hasAlpha?: boolean | undefined;
  readonly bitsPerSample?: number | undefined;
}

const depthBytes: ReadonlyMap<string, number> = new Map([
  ['uchar', 1],
  ['char', 1],
  ['ushort', 2],
  ['short', 2],
  ['uint', 4],
  ['int', 4],
  ['float', 4],
  ['complex', 8],
  ['double', 8],
  ['dpcomplex', 16],
]);

/** Bytes a pixel while it is decoded. */
export function bytesPerPixel(header: PictureHeader): number {
  const samples = header.channels * (depthBytes.get(header.depth) ?? 8);
  const isTurned = (header.orientation ?? 1) !== 1;
  switch (header.format) {
    case 'jpeg':
      // A progressive one keeps all its coefficients, two bytes each; colour at a quarter of the places makes half as many.
      if (header.isProgressive) return 0.5 + header.channels * (header.chromaSubsampling === '4:2:0' ? 1 : 2);
      return 0.5;
    case 'png':
      return header.isProgressive || isTurned ? 1.25 * samples : Math.min(2, 1.25 * samples);
    case 'gif':
      return 6;
    case 'webp':
      return 5;
    case 'tiff':
      return 2 * samples;
    default:
      // AVIF.
      return header.hasAlpha || (header.bitsPerSample ?? 8) > 8 ? 27 : 20;
  }
}
