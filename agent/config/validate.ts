// Holds a value against a zod schema and says all that is wrong in words: path, value, remedy. Takes plain data and a function that finds
// the place of a path in the text it came from. Expected to find problems: they are values here, never exceptions.
import type { z } from 'zod';
import { jsonSchemaOf } from './json-schema.ts';
import { nearestName } from './nearest-name.ts';
import { type Problem, pathText, printValue } from './problem.ts';

export interface Place {
  readonly line: number | null;
  readonly column: number | null;
}

/** Where a path stands in the text; `key` asks for the name of the setting rather than its value. */
export type Locate = (path: readonly PropertyKey[], part: 'key' | 'value') => Place;

export type Validated<T> =
  | { readonly kind: 'valid'; readonly value: T }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] };

export function validate<S extends z.ZodType>(schema: S, value: unknown, file: string, locate: Locate): Validated<z.output<S>> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return { kind: 'valid', value: result.data };
  const json = jsonSchemaOf(schema);
  const problems = result.error.issues
    .flatMap((issue) => explain(issue as Issue, json))
    .map(({ part, path, value, message, remedy }): Problem => {
      const found = path.at(-1) === 'password' ? null : printValue(value);
      return { file, ...locate(path, part), path: pathText(path), value: found, message, remedy };
    });
  return { kind: 'invalid', problems: problems.sort(byPlace) };
}

function byPlace(a: Problem, b: Problem): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

type Json = Readonly<Record<string, unknown>>;
type Issue = z.core.$ZodIssue & { readonly input?: unknown };
interface Explained {
  readonly path: readonly PropertyKey[];
  readonly part: 'key' | 'value';
  readonly value: unknown;
  readonly message: string;
  readonly remedy: string;
}

function explain(issue: Issue, root: Json): readonly Explained[] {
  const { path } = issue;
  const about = (message: string, remedy = meaning(root, path), value: unknown = issue.input): Explained => {
    return { path, part: 'value', value, message, remedy };
  };
  const missing = issue.input === undefined;
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === null) return [about('has no value', `Give it one, or take the line out. ${meaning(root, path)}`, undefined)];
      return [about(missing ? 'is missing' : `must be ${article(issue.expected)}`, quoting(issue) ?? meaning(root, path))];
    case 'not_multiple_of':
      return [about('must be a whole number')];
    case 'too_big':
      return [about(`must be ${sizeWords(issue.origin, 'at most', issue.maximum, issue.inclusive)}`)];
    case 'too_small':
      if (issue.minimum === 1 && issue.origin !== 'number' && issue.origin !== 'int') return [about('must not be empty')];
      return [about(`must be ${sizeWords(issue.origin, 'at least', issue.minimum, issue.inclusive)}`)];
    case 'invalid_value':
      return [chosen(about, missing, issue.values.map(String), issue.input)];
    case 'invalid_union': {
      if (issue.discriminator === undefined) return [about('has none of the forms that are allowed here')];
      // reportInput gives the whole record; the reader is shown the word that was not known.
      const tag = (issue.input as Json | undefined)?.[issue.discriminator];
      const options = (issue as { readonly options?: readonly unknown[] }).options ?? [];
      return [chosen(about, tag === undefined, options.map(String), tag)];
    }
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, issue, root));
    case 'invalid_format':
      return [about(missing ? 'is missing' : 'does not have the right form')];
    default:
      return [about(issue.message)];
  }
}

function chosen(
  about: (message: string, remedy: string, value: unknown) => Explained,
  missing: boolean,
  options: readonly string[],
  value: unknown,
): Explained {
  const near = typeof value === 'string' ? nearestName(value, options) : null;
  const all = `One of: ${options.join(', ')}.`;
  const remedy = near === null ? all : near === value ? `Write it without quotes. ${all}` : `Did you mean ${near}? ${all}`;
  return about(missing ? 'is missing' : 'is not one of the values that are allowed', remedy, value);
}

function unknownKey(key: string, issue: Issue, root: Json): Explained {
  const known = Object.keys(propertiesAt(root, issue.path, issue.input)).filter((name) => name !== '$schema');
  const near = nearestName(key, known);
  const remedy = near === null ? `Known here: ${known.join(', ')}.` : `Did you mean ${near}?`;
  return { path: [...issue.path, key], part: 'key', value: undefined, message: 'is not a setting that is known here', remedy };
}

/** YAML guesses the type from the quotes. */
function quoting(issue: { readonly expected: string; readonly input?: unknown }): string | null {
  const { expected, input } = issue;
  if (expected === 'string' && (typeof input === 'number' || typeof input === 'boolean')) return `Put it in quotes: "${input}".`;
  const number = typeof input === 'string' && input.trim() !== '' && Number.isFinite(Number(input));
  return number && (expected === 'number' || expected === 'int') ? `Write it without quotes: ${input}.` : null;
}

/** The description of the setting, from the schema that editors read too. */
function meaning(root: Json, path: readonly PropertyKey[]): string {
  for (let length = path.length; length > 0; length -= 1) {
    const text = branchesAt(root, path.slice(0, length)).find((schema) => typeof schema.description === 'string')?.description;
    if (typeof text === 'string') return text;
  }
  return 'See the schema of this file.';
}

/** Properties of the record at a path; where there are several forms, those of the form that the record names. */
function propertiesAt(root: Json, path: readonly PropertyKey[], value: unknown): Json {
  const kind = (value as Json | undefined)?.kind;
  const forms = branchesAt(root, path).filter((schema) => schema.properties !== undefined);
  const named = forms.filter((schema) => (schema.properties as { kind?: Json }).kind?.const === kind);
  return Object.assign({}, ...(named.length > 0 ? named : forms).map((schema) => schema.properties));
}

/** Every alternative of the JSON Schema at a path. */
function branchesAt(root: Json, path: readonly PropertyKey[]): readonly Json[] {
  return path.reduce<readonly Json[]>((schemas, key) => {
    const next = schemas.map((schema) => (typeof key === 'number' ? schema.items : (schema.properties as Json | undefined)?.[String(key)]));
    return next.filter((schema) => schema !== undefined).flatMap((schema) => alternatives(schema as Json));
  }, alternatives(root));
}

function alternatives(schema: Json): readonly Json[] {
  const choices = (schema.anyOf ?? schema.oneOf) as readonly Json[] | undefined;
  return choices === undefined ? [schema] : [schema, ...choices.flatMap(alternatives)];
}

function article(expected: string): string {
  const words: Record<string, string> = {
    int: 'a whole number',
    number: 'a number',
    string: 'text',
    boolean: 'true or false',
    array: 'a list',
    object: 'a group of settings',
    tuple: 'a list',
  };
  return words[expected] ?? `of type ${expected}`;
}

function sizeWords(origin: string, bound: string, limit: number | bigint, inclusive: boolean | undefined): string {
  const unit = origin === 'string' ? ' characters long' : origin === 'array' || origin === 'tuple' ? ' entries long' : '';
  const strict = bound === 'at most' ? 'less than' : 'more than';
  return `${inclusive === false ? strict : bound} ${limit}${unit}`;
}
