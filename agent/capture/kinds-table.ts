// The kinds of sources as a table in Markdown, for the README of this folder. `scripts/generate-schemas.mjs` writes it there; a test holds it against this.
import { sourceKinds } from './kinds.ts';

function kindsTable(): string {
  const rows = sourceKinds.map(({ kind, gives, schema }) => {
    const settings = Object.entries(schema.shape).filter(([name]) => name !== 'name' && name !== 'kind');
    const listed = settings.map(([name, setting]) => (setting.safeParse(undefined).success ? name : `**${name}**`));
    return `| \`${kind}\` | ${schema.shape.kind.description} | ${gives.join(', ')} | ${listed.join(', ')} |`;
  });
  return ['| kind | what | gives | settings (**needed**) |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

const begin = '<!-- kinds: made by scripts/generate-schemas.mjs -->';
const end = '<!-- /kinds -->';

/** A README with the table of today between its marks. */
export function withKindsTable(readme: string): string {
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
  if (from < 0 || to < from) return readme;
  return `${readme.slice(0, from + begin.length)}\n\n${kindsTable()}\n\n${readme.slice(to)}`;
}
