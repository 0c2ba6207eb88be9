// Which names in a watched folder are captures of the wanted kind, which are left alone, and what the folders above a file say about it. Names
// in, words out.
import { sep } from 'node:path';
import type { CaptureKind } from '../types.ts';

export type NameKind = 'capture' | 'ignored' | 'foreign';

interface Format {
  readonly names: RegExp;
  /** For people. */
  readonly listed: string;
}

export const formats: Readonly<Record<CaptureKind, Format>> = {
  image: { names: /\.(jpe?g|jfif|png|gif|webp|tiff?|avif)$/i, listed: 'JPEG, PNG, WebP, GIF, TIFF and AVIF are' },
  audio: {
    names: /\.(wave?|flac|mp3|og[ga]|opus|m4a|aac|aiff?|au)$/i,
    listed: 'WAV is, and where ffmpeg is installed FLAC, MP3, Ogg, Opus, M4A, AAC, AIFF and AU',
  },
  sensor: { names: /\.(csv|tsv|jsonl|ndjson)$/i, listed: 'CSV and JSON lines (.jsonl) are' },
};
/** Half-written files of copy programs, editors and browsers, and what desktops and network drives leave behind. */
const ignored = /^[.@#~$]|~$|\.(tmp|temp|part|partial|filepart|crdownload|download|swp|bak|lock)$|^(thumbs\.db|desktop\.ini|lost\+found)$/i;

/** 'ignored' is passed over without a word; 'foreign' is a file that a person may have meant as a capture. */
export function fileKind(name: string, kind: CaptureKind): NameKind {
  if (ignored.test(name)) return 'ignored';
  return formats[kind].names.test(name) ? 'capture' : 'foreign';
}

/** Whether a folder is looked into. */
export function isFolderWatched(name: string): boolean {
  return !ignored.test(name);
}

/** The label that a path below the watched folder carries: its nearest folder that is named like a class. */
export function labelOf(path: string, isClass: (name: string) => boolean): string | undefined {
  return path
    .split(sep)
    .slice(0, -1)
    .findLast((name) => isClass(name.normalize('NFC')))
    ?.normalize('NFC');
}
