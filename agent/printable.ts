// Text of a stranger (a broker, a file, a program) as a terminal may show it: characters that steer terminals, or turn the direction of writing, as
// the escapes by which JSON writes them. Line ends and tabs stay.

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

export function printable(text: string): string {
  return text.replaceAll(steering, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
