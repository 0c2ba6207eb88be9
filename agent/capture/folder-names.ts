// Which names in a watched folder are pictures, which are left alone, and what the folders above a picture say about it. Names in, words out.
import { sep } from 'node:path';

export type NameKind = 'picture' | 'ignored' | 'foreign';

const pictures = /\.(jpe?g|jfif|png|gif|webp|tiff?|avif)$/i;
/** Half-written files of copy programs, editors and browsers, and what desktops and network drives leave behind. */
const ignored = /^[.@#~$]|~$|\.(tmp|temp|part|partial|filepart|crdownload|download|swp|bak|lock)$|^(thumbs\.db|desktop\.ini|lost\+found)$/i;

/** 'ignored' is passed over without a word; 'foreign' is a file that a person may have meant as a picture. */
export function fileKind(name: string): NameKind {
  if (ignored.test(name)) return 'ignored';
  return pictures.test(name) ? 'picture' : 'foreign';
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
