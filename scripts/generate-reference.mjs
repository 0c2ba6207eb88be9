// Writes agent/config/REFERENCE.md, a page of all settings, from the schema of the configuration. Run it after a change there:
// scripts/node scripts/generate-reference.mjs. A test holds the page against the schema.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { publishedSchemas } from '../agent/config/published.ts';

/** The page, for the JSON Schema of the configuration. */
export function settingsReference(schema) {
  const sections = Object.entries(schema.properties).filter(([name]) => name !== '$schema');
  const [plain, nested] = [sections.filter(([, each]) => !isNested(each)), sections.filter(([, each]) => isNested(each))];
  return [
    '# All settings',
    '',
    'What `whetstone.yaml` may hold. Made from the schema by `scripts/generate-reference.mjs`: change the schema, not this page. Editors check and complete a',
    'configuration by [whetstone.schema.json](whetstone.schema.json); `whet check` says what is wrong with one, at once and with its line.',
    '',
    'In brackets: what a setting takes, and what it is unless told.',
    '',
    '## The device',
    '',
    ...lines(Object.fromEntries(plain), schema.required ?? []),
    ...nested.flatMap(([name, each]) => section(name, each)),
    '',
  ].join('\n');
}

function isNested(schema) {
  return objectOf(schema) !== null || schema.items?.oneOf !== undefined;
}

/** The record itself, also where null may stand in its place. */
function objectOf(schema) {
  if (schema.properties !== undefined) return schema;
  return schema.anyOf?.find((each) => each.properties !== undefined) ?? null;
}

function section(name, schema) {
  const kinds = schema.items?.oneOf;
  const head = ['', `## ${name}`, '', schema.description ?? ''];
  if (kinds === undefined) {
    const { properties, required = [] } = objectOf(schema);
    return [...head, '', ...lines(properties, required, `${name}.`)];
  }
  return [
    ...head,
    ...kinds.flatMap(({ properties, required = [] }) => {
      const { kind, ...rest } = properties;
      return ['', `### kind: ${kind.const}`, '', kind.description ?? '', '', ...lines(rest, required)];
    }),
  ];
}

function lines(properties, required, prefix = '') {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const inner = objectOf(schema);
    const own = `- \`${prefix}${name}\` (${[takes(schema), unlessTold(schema, required.includes(name))].join('; ')}): ${schema.description ?? ''}`;
    return inner === null ? [own] : [own, ...lines(inner.properties, inner.required ?? [], `${prefix}${name}.`)];
  });
}

function unlessTold(schema, isRequired) {
  if (isRequired) return 'must be given';
  return schema.default === undefined ? 'may be left out' : `\`${JSON.stringify(schema.default)}\``;
}

function takes(schema) {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(takes))].join(' or ');
  if (schema.type === 'array') return `a list of ${schema.prefixItems === undefined ? takes(schema.items ?? {}) : 'numbers'}`;
  if (schema.type === 'object') return 'settings of its own';
  if (schema.type === 'null') return 'null';
  if (schema.type === 'boolean') return 'true or false';
  if (schema.type === 'string') return 'text';
  if (schema.type !== 'integer' && schema.type !== 'number') return 'a value';
  return `${schema.type === 'integer' ? 'whole number' : 'number'}${range(schema)}`;
}

function range({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }) {
  const isEndless = (value) => value === undefined || Math.abs(value) >= Number.MAX_SAFE_INTEGER;
  const low = isEndless(minimum) ? (exclusiveMinimum === undefined ? null : `more than ${exclusiveMinimum}`) : `${minimum}`;
  const high = isEndless(maximum) ? (exclusiveMaximum === undefined ? null : `less than ${exclusiveMaximum}`) : `${maximum}`;
  if (low === null) return high === null ? '' : `, at most ${high}`;
  return high === null ? `, at least ${low}` : `, ${low} to ${high}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('../agent/config/REFERENCE.md', import.meta.url), settingsReference(publishedSchemas()['whetstone.schema.json']));
  console.log('agent/config/REFERENCE.md');
}
