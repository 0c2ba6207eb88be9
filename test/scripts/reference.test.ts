// The page of all settings says what the schema says, and leaves none out.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { publishedSchemas } from '../../agent/config/published.ts';

const { settingsReference } = (await import(new URL('../../scripts/generate-reference.mjs', import.meta.url).href)) as {
  readonly settingsReference: (schema: unknown) => string;
};
const schema = publishedSchemas()['whetstone.schema.json'];
const page = readFileSync(new URL('../../agent/config/REFERENCE.md', import.meta.url), 'utf8');

it('is what the generator writes (else: scripts/node scripts/generate-reference.mjs)', () => {
  expect(page).toBe(settingsReference(schema));
});

it('has a sentence for every setting, however deep', () => {
  const names: string[] = [];
  const visit = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return;
    const { properties = {} } = value as { readonly properties?: Readonly<Record<string, { readonly description?: string }>> };
    names.push(...Object.keys(properties).filter((name) => name !== '$schema' && name !== 'kind'));
    Object.values(value).forEach(visit);
  };
  visit(schema);
  expect(names.length).toBeGreaterThan(60);
  for (const name of names) {
    if (new RegExp(`^## ${name}$`, 'm').test(page)) continue;
    expect(page).toMatch(new RegExp(`^- \`(?:[\\w.]+\\.)?${name}\` \\([^\\n]+\\): \\S`, 'm'));
  }
});
