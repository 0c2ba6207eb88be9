// Which names in a watched folder are captures of the wanted kind, which are left alone, and what the folders above a file say about it. Names
// in, words out.
import { sep } from 'node:path';
import type { CaptureKind } from '../types.ts';
import { shownPath } from './file-names.ts';

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
/** Half-written files of copy programs, editors and browsers, and what desktops, archives and network drives leave behind. */
const ignored =
  /^[.@#~$]|~$|\.(tmp|temp|part|partial|filepart|crdownload|download|swp|bak|lock)$|^(thumbs\.db|desktop\.ini|lost\+found|__macosx|system volume information)$/i;
/** Names that nobody gives to something of his own. */
const systems = /^\.|^(@eadir|@tmp|#recycle|#snapshot|\$recycle\.bin|\$windows\..*|__macosx|lost\+found|system volume information)$/i;

/** 'ignored' is passed over without a word; 'foreign' is a file that a person may have meant as a capture. */
export function fileKind(name: string, kind: CaptureKind | null): NameKind {
  if (ignored.test(name)) return 'ignored';
  const wanted = kind === null ? Object.values(formats) : [formats[kind]];
  return wanted.some(({ names }) => names.test(name)) ? 'capture' : 'foreign';
}

/** Whether a folder is looked into. */
export function isFolderWatched(name: string): boolean {
  return !ignored.test(name);
}

/** Whether a folder that is not looked into may be one that a person made, and wants to hear about. */
export function isFolderPersons(name: string): boolean {
  return !systems.test(name);
}

/**
 * The label that a path below the watched folder carries: its outermost folder that is named like a class of the model, or else that may become one.
 * Below a class everything is the class.
 */
export function labelOf(
  path: string,
  isClass: (name: string) => boolean,
  isKnown: (name: string) => boolean = isClass,
): string | undefined {
  const folders = shownPath(path).normalize('NFC').split(sep).slice(0, -1);
  return folders.find(isKnown) ?? folders.find(isClass);
}
