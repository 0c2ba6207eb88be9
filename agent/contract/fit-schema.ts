// Text of any length → what a schema takes: sentences hold paths, names of people and what a program printed, and a message must not stay away
// just because something is broken. Shortens strings and lists that are too long; anything else that does not fit is the schema's to refuse.
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** The value, changed where a string or a list was too long; as it was where that is not what is wrong with it. */
export function fitted(schema: z.ZodType, value: unknown): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return value;
  const long = parsed.error.issues.filter((issue) => issue.code === 'too_big' && (issue.origin === 'string' || issue.origin === 'array'));
  if (long.length === 0) return value;
  // What a list that is too long holds is only looked at once it is not. Each round shortens something, so there is an end.
  return fitted(
    schema,
    long.reduce((whole, issue) => changedAt(whole, issue.path, (part) => shortened(part, limitOf(issue))), value),
  );
}

function limitOf(issue: Issue): number {
  return issue.code === 'too_big' ? Number(issue.maximum) : Number.POSITIVE_INFINITY;
}

function shortened(part: unknown, limit: number): unknown {
  if (Array.isArray(part)) return part.slice(0, limit);
  return typeof part === 'string' ? `${part.slice(0, limit - 1)}…` : part;
}

/** A copy along the path; the rest is shared. */
function changedAt(whole: unknown, [key, ...rest]: readonly PropertyKey[], change: (part: unknown) => unknown): unknown {
  if (key === undefined) return change(whole);
  if (Array.isArray(whole)) return whole.map((part, at) => (at === key ? changedAt(part, rest, change) : part));
  if (typeof whole !== 'object' || whole === null) return whole;
  return { ...whole, [key]: changedAt((whole as Readonly<Record<PropertyKey, unknown>>)[key], rest, change) };
}
