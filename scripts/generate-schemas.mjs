// Writes the published JSON Schemas of agent/config from the code's own schemas. Run it after a change there: scripts/node scripts/generate-schemas.mjs
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { publishedSchemas } from '../agent/config/published.ts';

for (const [name, schema] of Object.entries(publishedSchemas())) {
  writeFileSync(new URL(`../agent/config/${name}`, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);
  console.log(`agent/config/${name}`);
}
spawnSync('npx', ['biome', 'format', '--write', 'agent/config'], { stdio: 'inherit', cwd: new URL('..', import.meta.url) });
