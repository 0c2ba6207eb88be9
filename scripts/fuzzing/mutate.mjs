// Dice and something good in, something worse out: bytes, texts, and values of JSON. Everything follows from the dice.

const numbers = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];
const mostBytes = 256 * 1024;

/** A few changes: bits, bytes, numbers of 2 and 4 bytes in either order, pieces cut out, doubled, moved, repeated; the end cut off. */
export function mutateBytes(dice, good) {
  let bytes = Buffer.from(good);
  for (let changes = 1 + dice.whole(6); changes > 0; changes -= 1) bytes = changed(dice, bytes);
  return bytes.subarray(0, mostBytes);
}

function changed(dice, bytes) {
  const at = dice.whole(bytes.length + 1);
  const piece = () => bytes.subarray(at, at + 1 + dice.whole(dice.chance(0.8) ? 16 : 2048));
  switch (dice.whole(9)) {
    case 0:
      if (at < bytes.length) bytes[at] ^= 1 << dice.whole(8);
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = dice.pick(numbers) & 0xff;
      return bytes;
    case 2:
      if (at + 2 <= bytes.length) bytes[dice.chance(0.5) ? 'writeUInt16LE' : 'writeUInt16BE'](dice.pick(numbers) & 0xffff, at);
      return bytes;
    case 3:
    case 4:
      if (at + 4 <= bytes.length) bytes[dice.chance(0.5) ? 'writeUInt32LE' : 'writeUInt32BE'](dice.pick(numbers) >>> 0, at);
      return bytes;
    case 5:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + piece().length)]);
    case 6:
      return Buffer.concat([bytes.subarray(0, at), piece(), bytes.subarray(at)]);
    case 7:
      return dice.chance(0.2) ? repeated(dice, bytes, at, piece()) : bytes;
    default:
      return dice.chance(0.3) ? bytes.subarray(0, at) : bytes;
  }
}

function repeated(dice, bytes, at, piece) {
  const times = 1 + dice.whole(Math.max(1, Math.floor(mostBytes / Math.max(1, piece.length))));
  return Buffer.concat([bytes.subarray(0, at), ...Array(times).fill(piece), bytes.subarray(at)]).subarray(0, mostBytes);
}

export const oddTexts = [
  ...[
    '',
    ' ',
    '\0',
    '\n',
    '\r',
    '\t',
    '"',
    "'",
    ',',
    ';',
    ':',
    '{',
    '[',
    '}',
    ']',
    '#',
    '&a',
    '*a',
    '!!js',
    '<<',
    '---',
    '%',
    '\\',
    '/',
    '..',
  ],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'null', 'true', 'NaN', 'Infinity', '-0', '1e999', '0x10', '1_000', '.5'],
  ...[
    '9007199254740993',
    '-9223372036854775808',
    '1e308',
    '1,5',
    '\u001b[2J',
    '\u009b31m',
    '\u202e',
    '\ufeff',
    '\ud800',
    'ä',
    'a\u0308',
    '猫',
  ],
  ...['🐈'.repeat(20), 'x'.repeat(5000), '\u0000'.repeat(8), '../../etc/passwd', '/dev/zero', 'CON', '.', '-', '−1', '+', '$(id)', '`id`'],
];

/** Words, separators and lines of a text, changed. */
export function mutateText(dice, good) {
  const parts = good.split(/(\s+|[,;:{}[\]"'])/);
  for (let changes = 1 + dice.whole(5); changes > 0; changes -= 1) {
    const at = dice.whole(parts.length);
    const kind = dice.whole(6);
    if (kind === 0) parts[at] = dice.pick(oddTexts);
    else if (kind === 1) parts.splice(at, 1);
    else if (kind === 2) parts.splice(at, 0, dice.pick(oddTexts));
    else if (kind === 3) parts.splice(at, 0, ...parts.slice(at, at + 1 + dice.whole(40)));
    else if (kind === 4) parts[at] = parts[dice.whole(parts.length)];
    else if (dice.chance(0.1)) parts.splice(at, 0, '['.repeat(dice.whole(20_000)));
  }
  return parts.join('').slice(0, mostBytes);
}

export function oddValue(dice, depth = 0) {
  const kinds = depth > 3 ? 6 : 9;
  switch (dice.whole(kinds)) {
    case 0:
      return dice.pick([null, true, false]);
    case 1:
      return dice.pick([0, -1, 1, 1.5, 2 ** 31, -(2 ** 31), 2 ** 53, 2 ** 63, 1e300, -1e-300, 2 ** 53 + 2]);
    case 2:
      return dice.whole(1000) - 500;
    case 3:
    case 4:
    case 5:
      return dice.pick(oddTexts);
    case 6:
      // Long ones hold no lists: a thousand of a thousand is no longer a message.
      if (depth === 0 && dice.chance(0.05)) return Array.from({ length: 3000 }, () => oddValue(dice, 4));
      return Array.from({ length: dice.whole(4) }, () => oddValue(dice, depth + 1));
    default:
      return Object.fromEntries(Array.from({ length: dice.whole(4) }, () => [dice.pick(oddTexts), oddValue(dice, depth + 1)]));
  }
}

/** A value of JSON with some of its parts replaced, left out, renamed or added. */
export function mutateValue(dice, good, rate = 0.12) {
  if (dice.chance(rate)) return oddValue(dice);
  if (Array.isArray(good)) {
    const list = good.flatMap((each) => (dice.chance(rate / 2) ? [] : [mutateValue(dice, each, rate)]));
    return dice.chance(rate / 2) ? [...list, ...list, oddValue(dice)] : list;
  }
  if (typeof good !== 'object' || good === null) return good;
  const entries = Object.entries(good).flatMap(([key, each]) => {
    if (dice.chance(rate / 3)) return [];
    return [[dice.chance(rate / 3) ? dice.pick(oddTexts) : key, mutateValue(dice, each, rate)]];
  });
  return Object.fromEntries(dice.chance(rate / 2) ? [...entries, [dice.pick(oddTexts), oddValue(dice)]] : entries);
}
