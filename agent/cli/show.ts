// `whet show`: the capture of a sample written to a file, opened, or drawn; and always what is known of it.
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { messageOf, WhetError } from '../errors.ts';
import type { Shown } from '../operations/show.ts';
import { captureFormat } from '../preprocess/capture-format.ts';
import { printable } from '../printable.ts';
import { recordOf } from '../tasks/table.ts';
import { bestDrawing, type Drawing, terminalOf } from './draw/canvas.ts';
import { drawCapture } from './draw/capture.ts';
import type { Output } from './output.ts';
import { ago, bytes } from './text.ts';

export interface ShowOptions {
  readonly out?: string;
  readonly open?: boolean;
  /** 'auto' draws what the terminal can, and nothing where nobody looks. */
  readonly draw: Drawing | 'auto' | 'none';
}

export async function showSample(shown: Shown, options: ShowOptions, output: Output): Promise<void> {
  const capture = shown.capture === null ? null : Buffer.from(shown.capture, 'base64');
  const format = capture === null ? null : captureFormat(capture, shown.kind);
  const { capture: _, input: __, ...facts } = shown;
  const document = { ...facts, format: format?.name ?? null, bytes: capture?.length ?? 0, file: options.out ?? null };
  if (options.out !== undefined || options.open === true) {
    if (capture === null || format === null)
      throw new WhetError('sample-unknown', `the capture of ${shown.sample} is not kept any more, only what is learned from`, {
        hint: 'retention.rawMegabytes says how much of labelled captures is kept.',
      });
    if (options.out === '-') {
      process.stdout.write(capture);
      return output.note(factsText(shown, { ...document, file: null }));
    }
    if (options.out !== undefined) await write(options.out, capture);
    if (options.open === true) await openWithDesktop(capture, `${shown.sample}${format.ending}`);
  }
  const terminal = terminalOf(process.stdout);
  const drawing = output.json || options.draw === 'none' ? null : options.draw === 'auto' ? bestDrawing(terminal) : options.draw;
  let drawn: string | null = null;
  if (capture !== null && drawing !== null)
    drawn = await drawCapture(capture, shown.input, drawing, terminal).catch(
      (error: unknown) => `It cannot be drawn: ${printable(messageOf(error))}`,
    );
  output.result(document, () => factsText(shown, document));
  // Past the door that escapes what strangers wrote: this is drawn here.
  if (drawn !== null) process.stdout.write(`\n${drawn}\n`);
}

type Document = Pick<Shown, 'sample'> & { readonly format: string | null; readonly bytes: number; readonly file: string | null };

function factsText(shown: Shown, { format, bytes: size, file }: Document): string {
  const time = new Date(shown.timeMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const what = format === null ? 'the capture itself is not kept any more' : `${format}, ${bytes(size)}`;
  const by = shown.labelledBy === null ? '' : ` (by ${shown.labelledBy}, ${ago(shown.labelledMs ?? shown.timeMs, Date.now())})`;
  const label = shown.label === null ? 'none' : `'${shown.label}'${by}`;
  return [
    `sample    ${shown.sample}: ${what}`,
    `time      ${time}, ${ago(shown.timeMs, Date.now())}`,
    `source    ${shown.source}`,
    `label     ${label}${shown.asked ? `; the device asks: whet label CLASS ${shown.sample}` : ''}`,
    `guesses   ${recordOf(shown.answer).line(shown.answer)} (${shown.release === 'base' ? 'the base model' : shown.release})`,
    ...(file === null ? [] : [`wrote     ${file}`]),
  ].join('\n');
}

async function write(path: string, capture: Uint8Array): Promise<void> {
  try {
    await writeFile(path, capture, { flag: 'wx' });
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw new WhetError('output-failed', `cannot write '${path}': ${exists ? 'there is such a file already' : messageOf(error)}`, {
      hint: exists ? 'Name another file.' : 'Name a file in an existing folder that you may write.',
      cause: error,
    });
  }
}

/** The viewer goes on when this ends, so the file stays; the system empties its folder of temporary files. */
async function openWithDesktop(capture: Uint8Array, name: string): Promise<void> {
  const program = await firstOnPath(['xdg-open', 'open']);
  if (program === null)
    throw new WhetError('output-failed', 'no program is installed that opens files: xdg-open is not on the PATH', {
      hint: 'Write it to a file instead: --out FILE. On Debian: sudo apt install xdg-utils',
    });
  const path = join(await mkdtemp(join(tmpdir(), 'whet-show-')), name);
  await writeFile(path, capture, { mode: 0o600 });
  const failed = await new Promise<string | null>((resolve) => {
    const viewer = spawn(program, [path], { stdio: 'ignore', detached: true });
    viewer.once('error', (error) => resolve(error.message));
    viewer.once('exit', (code) => resolve(code === 0 ? null : `${program} ended with status ${code}`));
    // One that is still there after a while shows it.
    setTimeout(() => resolve(null), 2000);
    viewer.unref();
  });
  if (failed !== null)
    throw new WhetError('output-failed', `the capture cannot be opened: ${failed}`, { hint: 'Write it to a file instead: --out FILE.' });
}

async function firstOnPath(names: readonly string[]): Promise<string | null> {
  for (const name of names) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(folder, name);
      if (
        await access(path, constants.X_OK).then(
          () => true,
          () => false,
        )
      )
        return path;
    }
  }
  return null;
}
