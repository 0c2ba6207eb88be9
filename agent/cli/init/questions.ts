// The questions of `whet init` at a terminal. Takes what was found and what was said on the command line, gives the answers; asks only what is
// open, and takes the first choice where only Enter comes.
import type { Interface } from 'node:readline/promises';
import type { FoundDevice } from '../../host/find-devices.ts';

/** Asks one question; rejects where the terminal is gone, or somebody pressed Ctrl-C. */
export type Asker = (question: string) => Promise<string>;

export function askerOf(terminal: Interface): Asker {
  const gone = new AbortController();
  terminal.once('close', () => gone.abort());
  return (question) => terminal.question(question, { signal: gone.signal });
}

export interface Choice<T> {
  readonly value: T;
  readonly text: string;
}

/** Gives the first choice for Enter, and asks again until the answer is one. */
export async function choose<T>(ask: Asker, question: string, choices: readonly Choice<T>[]): Promise<T> {
  const listed = choices.map(({ text }, at) => `  ${at + 1}  ${text}`).join('\n');
  for (;;) {
    const said = (await ask(`${question}\n${listed}\n[1] `)).trim();
    const number = said === '' ? 1 : Number(said);
    const chosen = choices[number - 1];
    if (Number.isInteger(number) && chosen !== undefined) return chosen.value;
  }
}

export function deviceChoices(found: readonly FoundDevice[]): readonly Choice<FoundDevice | null>[] {
  return [
    ...found.map((device) => ({ value: device, text: device.name })),
    { value: null, text: 'none of these; files in a folder will do' },
  ];
}
