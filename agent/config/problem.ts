// One thing wrong with a file that a person wrote: where it stands, what was found there, what to do. Takes records, gives text.
import { redactAddresses } from './redact.ts';

export interface Problem {
  readonly file: string;
  /** Counted from 1; null where the place in the text is not known. */
  readonly line: number | null;
  readonly column: number | null;
  /** Dotted path of the setting, e.g. `sources[0].path`; '' is the whole file. */
  readonly path: string;
  /** What was found, shortened for print; null where nothing was. Secrets never stand here. */
  readonly value: string | null;
  readonly message: string;
  readonly remedy: string;
  readonly severity?: Severity | undefined;
}

/**
 * 'degraded': the device works without, and tries again. 'absent': nothing works without, but it may come by itself, as a disk that is mounted
 * late does. None: nothing works until a person has mended it.
 */
export type Severity = 'degraded' | 'absent';

/** A problem that is not yet placed in its file. */
export interface Finding {
  readonly path: readonly PropertyKey[];
  readonly value?: unknown;
  readonly message: string;
  readonly remedy: string;
  readonly severity?: Severity;
}

/** What may come by itself or be mended while the device runs: a stick that is mounted late, a program, a certificate. */
export function degraded(findings: readonly Finding[]): readonly Finding[] {
  return findings.map((finding) => ({ ...finding, severity: 'degraded' }));
}

/** `file:line:column  path: message` and the remedy below it. */
function formatProblem(problem: Problem): string {
  const place = problem.line === null ? problem.file : `${problem.file}:${problem.line}:${problem.column ?? 1}`;
  const subject = problem.path === '' ? '' : `${problem.path}: `;
  const found = problem.value === null ? '' : ` (found ${problem.value})`;
  return `${place}  ${subject}${problem.message}${found}\n    ${problem.remedy}`;
}

/** As many as a person reads. */
const shown = 20;

export function formatProblems(problems: readonly Problem[]): string {
  const rest = problems.length - shown;
  return [...problems.slice(0, shown).map(formatProblem), ...(rest > 0 ? [`… and ${rest} more`] : [])].join('\n');
}

/** `['sources', 0, 'path']` → `sources[0].path`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');
}

/**
 * A value as it may be printed: one line, at most 60 characters. Records are left out, for they may hold a password, and so is the
 * password inside an address.
 */
export function printValue(value: unknown): string | null {
  if (value === undefined) return null;
  if (Array.isArray(value)) return value.every((entry) => typeof entry !== 'object') ? shorten(JSON.stringify(value)) : null;
  return typeof value === 'object' && value !== null ? null : shorten(JSON.stringify(value) ?? String(value));
}

function shorten(text: string): string {
  const safe = redactAddresses(text);
  return safe.length > 60 ? `${safe.slice(0, 57)}...` : safe;
}
