// Writes the published JSON Schemas of agent/config from the code's own schemas, and the table of sources into the README of agent/capture. Run it after a change there: scripts/node scripts/generate-schemas.mjs
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { withKindsTable } from '../agent/capture/kinds-table.ts';
import { publishedSchemas } from '../agent/config/published.ts';

for (const [name, schema] of Object.entries(publishedSchemas())) {
  writeFileSync(new URL(`../agent/config/${name}`, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);
  console.log(`agent/config/${name}`);
}
const readme = new URL('../agent/capture/README.md', import.meta.url);
writeFileSync(readme, withKindsTable(readFileSync(readme, 'utf8')));
console.log('agent/capture/README.md');
spawnSync('npx', ['biome', 'format', '--write', 'agent/config', 'agent/capture/README.md'], {
  stdio: 'inherit',
  cwd: new URL('..', import.meta.url),
});
