// Writes agent/contract/asyncapi.json from the registries of topics and commands. Run it after a change of the contract; a test compares.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { asyncApiDocument } from '../agent/contract/asyncapi.ts';
import { operations } from '../agent/operations/table.ts';

const file = fileURLToPath(new URL('../agent/contract/asyncapi.json', import.meta.url));
writeFileSync(file, `${JSON.stringify(asyncApiDocument(operations), null, 2)}\n`);
execFileSync(fileURLToPath(new URL('../node_modules/.bin/biome', import.meta.url)), ['format', '--write', file], { stdio: 'inherit' });
