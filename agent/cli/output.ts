// The one way commands speak: text for people on standard output, or one JSON document with `--json`; progress bars and errors on
// standard error. Takes values, refuses nothing. What it prints holds no character that steers a terminal, wherever the text came from.
import cliProgress from 'cli-progress';
import { CommanderError } from 'commander';
import { errorRegistry, messageOf, WhetError } from '../errors.ts';
import { printable } from '../printable.ts';
import type { Progress } from '../types.ts';
import { wrapped } from './text.ts';

export interface Output {
  readonly json: boolean;
  /** Prints the result of a command: `document` with `--json`, else the text. */
  result(document: unknown, text: () => string): void;
  /** A progress bar on a terminal, a line a stage elsewhere, nothing with `--json`. */
  readonly progress: Progress;
  /** A sentence for people on standard error, also with `--json`: what was found on the way and stops nothing. */
  note(sentence: string): void;
  /** Ends the bar, so that text may follow. */
  done(): void;
}

export function createOutput(json: boolean): Output {
  const bar = json ? null : createBar(process.stderr.isTTY === true);
  return {
    json,
    result(document, text) {
      bar?.stop();
      const columns = process.stdout.isTTY === true ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY;
      print(process.stdout, json ? JSON.stringify(document) : wrapped(text(), columns));
    },
    note(sentence) {
      bar?.stop();
      print(process.stderr, sentence);
    },
    progress: (done, total, what) => bar?.show(done, total, what),
    done: () => bar?.stop(),
  };
}

/** The one door to the terminal. In JSON, too, the escape stands for the character. */
function print(stream: NodeJS.WriteStream, text: string): void {
  stream.write(`${printable(text)}\n`);
}

interface Bar {
  show(done: number, total: number | null, what: string): void;
  stop(): void;
}

function createBar(terminal: boolean): Bar {
  let current: { readonly what: string; readonly bar: cliProgress.SingleBar | null } | null = null;
  const stop = () => {
    current?.bar?.stop();
    current = null;
  };
  return {
    stop,
    show(done, total, what) {
      if (current?.what !== what) {
        stop();
        current = { what, bar: terminal ? start(what, total) : null };
        if (!terminal) print(process.stderr, what);
      }
      if (total !== null) current?.bar?.setTotal(total);
      current?.bar?.update(done);
    },
  };
}

function start(what: string, total: number | null): cliProgress.SingleBar {
  const format = total === null ? `${what.padEnd(18)} {value}` : `${what.padEnd(18)} {bar} {value}/{total}  {eta_formatted}`;
  const bar = new cliProgress.SingleBar({ format, hideCursor: true, clearOnComplete: true }, cliProgress.Presets.shades_classic);
  bar.start(total ?? 0, 0);
  return bar;
}

/** Prints what went wrong and what to do about it; gives the exit status (sysexits). */
export function reportError(error: unknown, json: boolean, signal: AbortSignal): number {
  if (signal.aborted) {
    print(process.stderr, 'interrupted');
    // What was given up says so by a word of ours; anything else went wrong while stopping, and must not be lost.
    if (error instanceof Error && !(error instanceof WhetError) && error.name !== 'AbortError')
      print(process.stderr, error.stack ?? error.message);
    return Number(process.exitCode ?? 130);
  }
  // Help and version are successes that commander reports as errors; for the rest it has already printed what was wrong.
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  if (error instanceof CommanderError) {
    if (json)
      print(process.stdout, JSON.stringify({ error: { code: 'usage', message: error.message.replace(/^error: /, ''), hint: null } }));
    return errorRegistry.usage.exit;
  }
  const known = error instanceof WhetError ? error : new WhetError('internal', messageOf(error), { cause: error });
  if (json) print(process.stdout, JSON.stringify({ error: { code: known.code, message: known.message, hint: known.hint ?? null } }));
  else print(process.stderr, `whet: ${known.message}${known.hint === undefined ? '' : `\n\n${indent(known.hint)}`}`);
  if (known.code === 'internal' && error instanceof Error) print(process.stderr, error.stack ?? known.message);
  return known.exit;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
