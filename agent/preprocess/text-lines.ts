// The lines of a text in bytes, one at a time, so that a text of 64 MB is never held as strings; and the cells of a line. Empty lines are passed over.

export interface TextLine {
  readonly text: string;
  /** From 1; empty lines count. */
  readonly line: number;
}

const [lineFeed, carriageReturn] = [0x0a, 0x0d];

/** Bytes are UTF-8 without a mark at their begin. `tooLong` makes the error for a line of more than `longest` bytes. */
export function* textLines(bytes: Uint8Array, longest: number, tooLong: (line: number) => Error): Generator<TextLine> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let line = 1;
  for (let from = 0, at = 0; at <= text.length; at += 1) {
    const byte = text[at];
    if (at < text.length && byte !== lineFeed && byte !== carriageReturn) continue;
    if (at - from > longest) throw tooLong(line);
    const content = at === from ? '' : text.toString('utf8', from, at);
    if (content.trim() !== '') yield { text: content, line };
    if (byte === carriageReturn && text[at + 1] === lineFeed) at += 1;
    from = at + 1;
    line += 1;
  }
}

/** The separator that a line of names uses. */
export function separatorOf(header: string): string {
  return [',', ';', '\t'].find((candidate) => header.includes(candidate)) ?? ',';
}

/** Cells of one line; a cell in double quotes may hold the separator, and "" is a quote. */
export function splitLine(text: string, separator: string): readonly string[] {
  if (!text.includes('"')) return text.split(separator).map((cell) => cell.trim());
  const cells: string[] = [];
  let cell = '';
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] as string;
    if (character === '"' && isQuoted && text[at + 1] === '"') {
      cell += '"';
      at += 1;
    } else if (character === '"') isQuoted = !isQuoted;
    else if (character === separator && !isQuoted) {
      cells.push(cell.trim());
      cell = '';
    } else cell += character;
  }
  return [...cells, cell.trim()];
}
