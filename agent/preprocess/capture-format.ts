// What the bytes of a capture are by their beginning: how a file of them would end, and what people call it. Hostile bytes in, words out.
import type { CaptureKind } from '../types.ts';
import { pictureFormat } from './picture-format.ts';

export interface CaptureFormat {
  readonly name: string;
  /** With the dot. */
  readonly ending: string;
}

const pictureEndings: Readonly<Record<string, string>> = {
  JPEG: '.jpg',
  PNG: '.png',
  GIF: '.gif',
  WebP: '.webp',
  TIFF: '.tif',
  AVIF: '.avif',
};

const sounds: readonly (readonly [name: string, ending: string, offset: number, text: string])[] = [
  ['WAV', '.wav', 8, 'WAVE'],
  ['FLAC', '.flac', 0, 'fLaC'],
  ['Ogg', '.ogg', 0, 'OggS'],
  ['MP3', '.mp3', 0, 'ID3'],
  ['M4A', '.m4a', 4, 'ftyp'],
  ['AIFF', '.aiff', 8, 'AIFF'],
  ['AIFF', '.aiff', 8, 'AIFC'],
  ['AU', '.au', 0, '.snd'],
];

export function captureFormat(bytes: Uint8Array, kind: CaptureKind): CaptureFormat {
  const start = String.fromCharCode(...bytes.subarray(0, 64));
  switch (kind) {
    case 'image': {
      const format = pictureFormat(bytes);
      const ending = format.kind === 'known' ? pictureEndings[format.name] : undefined;
      return format.kind === 'known' ? { name: format.name, ending: ending ?? '.bin' } : { name: 'bytes', ending: '.bin' };
    }
    case 'audio': {
      const found = sounds.find(([, , offset, text]) => start.startsWith(text, offset));
      if (found !== undefined) return { name: found[0], ending: found[1] };
      // MPEG frames begin with eleven set bits; layer III has 01 behind the version, AAC (ADTS) 00.
      const isFrame = bytes[0] === 0xff && ((bytes[1] ?? 0) & 0xe0) === 0xe0;
      if (!isFrame) return { name: 'bytes', ending: '.bin' };
      return ((bytes[1] ?? 0) & 0x06) === 0 ? { name: 'AAC', ending: '.aac' } : { name: 'MP3', ending: '.mp3' };
    }
    case 'sensor':
      return /^\s*[{[]/.test(start) ? { name: 'JSON lines', ending: '.jsonl' } : { name: 'CSV', ending: '.csv' };
  }
}
