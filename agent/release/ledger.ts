// What must be known about releases beside their files: the highest number ever given, the order in which they were current, and how each
// did in its first health check. One small JSON file, replaced at once. A damaged one is rebuilt from what is on the disk.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { stateError } from '../errors.ts';
import { replaceFile } from './durable.ts';
import { versionPattern } from './manifest.ts';

const version = z.string().regex(versionPattern);

const ledgerSchema = z.object({
  lastNumber: z.int().min(0),
  /** Versions in the order in which they became current; the last one is (or was about to become) current. 'base' stands for none. */
  trail: z.array(z.union([version, z.literal('base')])).max(1000),
  health: z.record(version, z.object({ state: z.enum(['pending', 'healthy', 'failed']), reason: z.string().max(2000).nullable() })),
});

type Parsed = z.infer<typeof ledgerSchema>;
export type ReleaseHealth = Parsed['health'][string];
export interface Ledger {
  readonly lastNumber: number;
  readonly trail: readonly string[];
  readonly health: Readonly<Record<string, ReleaseHealth>>;
}

/** Versions that the trail reaches back. */
const trailLength = 100;

const path = (root: string) => join(root, 'ledger.json');

/** null where there is none, or none that can be understood. */
export async function readLedger(root: string): Promise<Ledger | null> {
  let text: string;
  try {
    text = await readFile(path(root), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw stateError(error, 'read the ledger of releases', path(root));
  }
  try {
    return ledgerSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

export async function writeLedger(root: string, ledger: Ledger): Promise<void> {
  const kept = { ...ledger, trail: ledger.trail.slice(-trailLength) };
  await replaceFile(path(root), Buffer.from(`${JSON.stringify(kept, null, 1)}\n`));
}
