// The elements of a JSON array of objects, one at a time: the text of each, unparsed. Takes hostile bytes; refuses, by the error that the caller
// makes, what is no such array and elements over a limit.

const code = (character: string) => character.charCodeAt(0);
const [quote, backslash, open, close, comma, begin, end] = ['"', '\\', '{', '}', ',', '[', ']'].map(code) as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];

/** `bytes` begin with the bracket. */
export function* jsonElements(bytes: Uint8Array, longest: number, refuse: (reason: string) => Error): Generator<string> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blank = (at: number) => {
    let next = at;
    while (next < text.length && text[next]! <= 0x20) next += 1;
    return next;
  };
  let at = blank(1);
  let count = 0;
  if (text[0] !== begin) throw refuse('it is not a JSON array');
  while (text[at] !== end) {
    count += 1;
    if (at >= text.length) throw refuse(`the JSON array is cut short after reading ${count - 1}`);
    if (text[at] !== open) throw refuse(`reading ${count} is not a JSON object`);
    const to = objectEnd(text, at, longest);
    if (to === null) throw refuse(`reading ${count} is cut short, or longer than ${longest / 1024} KB`);
    yield text.toString('utf8', at, to);
    at = blank(to);
    if (text[at] === comma) {
      at = blank(at + 1);
      if (text[at] === end) throw refuse(`line 1 is not JSON: a comma stands before the end of the array`);
    } else if (text[at] !== end) throw refuse(`line 1 is not JSON: no comma stands after reading ${count}`);
  }
  if (blank(at + 1) < text.length) throw refuse('line 1 is not JSON: something follows the array');
}

/** Just behind the bracket that closes the one at `from`; null where none does within the limit. */
function objectEnd(text: Buffer, from: number, longest: number): number | null {
  let depth = 0;
  let isText = false;
  const last = Math.min(text.length, from + longest);
  for (let at = from; at < last; at += 1) {
    const byte = text[at];
    if (isText) {
      if (byte === backslash) at += 1;
      else if (byte === quote) isText = false;
    } else if (byte === quote) isText = true;
    else if (byte === open) depth += 1;
    else if (byte === close) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return null;
}
