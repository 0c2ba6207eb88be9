// `whet forget`: options → selector, and what was forgotten → text.
import { createInterface } from 'node:readline/promises';
import { WhetError } from '../errors.ts';
import type { Forgotten } from '../operations/forget.ts';
import type { Arguments, Device } from '../operations/table.ts';

type ForgetSelector = Arguments<'forget'>;

export function selectorOf(samples: readonly string[], options: Readonly<Record<string, string | boolean | undefined>>): ForgetSelector {
  const text = (name: string) => (typeof options[name] === 'string' ? (options[name] as string) : undefined);
  const selector: ForgetSelector = {
    ...(samples.length === 0 ? {} : { samples: [...samples] }),
    ...defined('label', text('label')),
    ...defined('source', text('source')),
    ...defined('before', time('--before', text('before'))),
    ...defined('after', time('--after', text('after'))),
    ...(options.all === true ? { all: true } : {}),
  };
  if (Object.keys(selector).length === 0) {
    throw new WhetError('usage', 'forget needs to know which samples', {
      hint: 'Name sample ids, or --label, --source, --before, --after, or --all.',
    });
  }
  return options.dryRun === true ? { ...selector, dryRun: true } : selector;
}

/** Everything at once is asked about where somebody sits at a terminal; false where the answer is not yes. */
export async function confirmAll(device: Device): Promise<boolean> {
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) return true;
  const { samples, purged } = await device.forget({ all: true, dryRun: true });
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const gone = new AbortController();
  terminal.once('close', () => gone.abort());
  const question = `All ${samples} samples and ${purged.length} releases go, for good. Type yes to go on: `;
  const said = await terminal.question(question, { signal: gone.signal }).catch(() => '');
  terminal.close();
  return said.trim().toLowerCase() === 'yes';
}

function defined<T>(key: string, value: T | undefined): Record<string, T> {
  return value === undefined ? {} : { [key]: value };
}

function time(option: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const timeMs = Date.parse(text);
  if (Number.isNaN(timeMs))
    throw new WhetError('usage', `${option} '${text}' is not a time`, { hint: 'Write it like 2026-11-24 or 2026-11-24T08:00:00Z.' });
  return new Date(timeMs).toISOString();
}

export function formatForgotten(forgotten: Forgotten): string {
  const { samples, purged, dryRun, unknown } = forgotten;
  const counted = `${samples} ${samples === 1 ? 'sample' : 'samples'}`;
  const lines = [dryRun ? `${counted} would be forgotten` : `${counted} forgotten`];
  if (unknown.length > 0) lines.push(`not in the store: ${unknown.join(', ')}`);
  if (purged.length > 0) {
    lines.push(
      `${dryRun ? 'releases that learned from them, and would go' : 'removed releases that had learned from them'}: ${purged.join(', ')}`,
    );
  }
  if (forgotten.retrained !== null) lines.push(`trained again without them: ${forgotten.retrained.verdict.reason}`);
  lines.push(`current release: ${forgotten.current}`);
  return lines.join('\n');
}

/** Where a label or a source has no sample: what there is. */
export async function namesThatAre(
  device: Device,
  { label, source }: Readonly<Record<string, string | boolean | undefined>>,
): Promise<string> {
  const { samples } = await device.status({});
  if (label === undefined) return `No sample is of a source '${source}'.`;
  const labels = Object.keys(samples.byClass).map((name) => `'${name}'`);
  return `No sample ${source === undefined ? '' : `of the source '${source}' `}is labelled '${label}'. ${labels.length === 0 ? 'None is labelled at all.' : `Labels: ${labels.join(', ')}`}`;
}
