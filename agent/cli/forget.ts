// `whet forget`: options → selector, and what was forgotten → text.
import { WhetError } from '../errors.ts';
import type { Forgotten } from '../operations/forget.ts';
import type { Arguments } from '../operations/table.ts';

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
  return selector;
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
  const lines = [`${forgotten.samples} samples forgotten`];
  if (forgotten.purged.length > 0) lines.push(`removed releases that had learned from them: ${forgotten.purged.join(', ')}`);
  if (forgotten.retrained !== null) lines.push(`trained again without them: ${forgotten.retrained.verdict.reason}`);
  lines.push(`current release: ${forgotten.current}`);
  return lines.join('\n');
}
