// Names of files as the system has them: bytes, mostly UTF-8 and sometimes of an older encoding. A path stays a string that leads back to the same
// bytes: what is no UTF-8 stands in it as characters of the private use area, U+F780 to U+F7FF, one for each byte.

const strange = /[\uF780-\uF7FF]/;
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const western = new TextDecoder('windows-1252');

export function decodeName(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!text.includes('\uFFFD') && !strange.test(text)) return text;
  let name = '';
  for (let at = 0; at < bytes.length; ) {
    const character = characterAt(bytes, at);
    name += character?.text ?? String.fromCharCode(0xf700 + bytes[at]!);
    at += character?.length ?? 1;
  }
  return name;
}

/** What the file system takes for a path that is made of decoded names. */
export function pathBytes(path: string): string | Buffer {
  if (!strange.test(path)) return path;
  return Buffer.concat(
    Array.from(path, (character) => (strange.test(character) ? Buffer.of(character.charCodeAt(0) - 0xf700) : Buffer.from(character))),
  );
}

/** For people: bytes that are no UTF-8 as the encoding that such names mostly come from, of Western Windows. */
export function shownPath(path: string): string {
  return path.replaceAll(new RegExp(strange, 'g'), (character) => western.decode(Uint8Array.of(character.charCodeAt(0) - 0xf700)));
}

/** null where the bytes there are no character, or one that stands for a byte. */
function characterAt(bytes: Buffer, at: number): { readonly text: string; readonly length: number } | null {
  const lead = bytes[at]!;
  const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  try {
    const text = strict.decode(bytes.subarray(at, at + length));
    return strange.test(text) ? null : { text, length };
  } catch {
    return null;
  }
}
