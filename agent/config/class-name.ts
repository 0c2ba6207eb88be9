// What a class may be called, at every door: cards, folders, labels of people, deployed releases. No control characters, no halves of characters,
// something to see, at most 200 characters. A name that came in is kept in NFC and without blanks at its ends.
import { z } from 'zod';
import { WhetError } from '../errors.ts';

const longest = 200;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** null where it is one; else what is wrong with it. */
function classNameFault(name: string): string | null {
  if (name.trim() === '') return 'holds nothing to read';
  if (name.length > longest) return `is longer than ${longest} characters`;
  if (control.test(name)) return 'must not hold control characters';
  return name.isWellFormed() ? null : 'holds half of a character';
}

export function isClassName(name: string): boolean {
  return classNameFault(name) === null;
}

/** Throws `data-unusable`. */
export function requireClassName(name: string): void {
  const fault = classNameFault(name);
  if (fault === null) return;
  throw new WhetError('data-unusable', `${JSON.stringify(name.slice(0, longest))} cannot be the name of a class: it ${fault}`, {
    hint: 'Give it another name.',
  });
}

const checked = z
  .string()
  .min(1)
  .max(longest)
  .superRefine((name, context) => {
    const fault = classNameFault(name);
    if (fault !== null) context.addIssue({ code: 'custom', message: fault });
  });

/** As it stands in a file: to the letter. */
export const labelSchema = checked;
/** As somebody gives it: the same name is the same text afterwards. */
export const givenClassName = z.string().normalize('NFC').trim().pipe(checked);
