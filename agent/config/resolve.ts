// What a configuration means on this machine: paths made absolute, folders and the device's name taken from the environment where the file
// does not say. Takes the written configuration, gives the frozen Config that everything else is handed a slice of.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { type SourceConfig, withAbsolutePaths } from '../capture/kinds.ts';
import type { WrittenConfig } from './schema.ts';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly hostname: string;
  /** Whether there is such a file or folder; the machine's own unless told. */
  exists?(path: string): boolean;
}

export type Mqtt = NonNullable<WrittenConfig['mqtt']>;

export interface Config extends Omit<WrittenConfig, '$schema' | 'layers' | 'cut' | 'device' | 'card' | 'state' | 'runtimeDir' | 'sources'> {
  /** The file it was read from. All paths are absolute. */
  readonly file: string;
  readonly device: string;
  /** null: the card beside the model. */
  readonly card: string | null;
  readonly state: string;
  readonly runtimeDir: string;
  readonly cut: { readonly kind: 'layers'; readonly layers: number } | { readonly kind: 'tensor'; readonly tensor: string };
  readonly sources: readonly SourceConfig[];
}

export function currentSurroundings(): Surroundings {
  return { env: process.env, home: homedir(), hostname: hostname(), exists: existsSync };
}

/** `file` is the absolute path of the configuration. */
export function resolveConfig(written: WrittenConfig, file: string, { env, home, hostname, exists = existsSync }: Surroundings): Config {
  const folder = dirname(file);
  const absolute = (path: string) => resolve(folder, path === '~' || path.startsWith('~/') ? join(home, path.slice(1)) : path);
  const { $schema: _, layers, cut, mqtt, ...rest } = written;
  const state = written.state === undefined ? defaultState(env, home, file, exists) : absolute(written.state);
  return freeze({
    ...rest,
    file,
    device: written.device ?? deviceName(hostname),
    model: absolute(written.model),
    card: written.card === undefined ? null : absolute(written.card),
    state,
    runtimeDir: written.runtimeDir === undefined ? defaultRuntime(env, state, file) : absolute(written.runtimeDir),
    cut: cut === undefined ? { kind: 'layers', layers: layers ?? 1 } : { kind: 'tensor', tensor: cut },
    sources: written.sources.map((source) => withAbsolutePaths(source, absolute)),
    mqtt: mqtt === null ? null : withPaths(mqtt, absolute),
  });
}

function withPaths(mqtt: Mqtt, absolute: (path: string) => string): Mqtt {
  const files = (['passwordFile', 'ca', 'cert', 'key'] as const).filter((key) => mqtt[key] !== undefined);
  return { ...mqtt, ...Object.fromEntries(files.map((key) => [key, absolute(mqtt[key]!)])) };
}

/**
 * systemd sets STATE_DIRECTORY, a list separated by colons; the XDG base directory specification names the rest. Each configuration has a folder
 * of its own; before that there was one for all of a user, and who has it keeps it.
 */
function defaultState(env: Surroundings['env'], home: string, file: string, exists: (path: string) => boolean): string {
  if (env.STATE_DIRECTORY) return env.STATE_DIRECTORY.split(':')[0]!;
  const shared = join(env.XDG_STATE_HOME || join(home, '.local', 'state'), 'whetstone');
  const own = join(shared, folderOf(file));
  return !exists(own) && exists(join(shared, 'store.db')) ? shared : own;
}

function defaultRuntime(env: Surroundings['env'], state: string, file: string): string {
  if (env.RUNTIME_DIRECTORY) return env.RUNTIME_DIRECTORY.split(':')[0]!;
  return env.XDG_RUNTIME_DIR ? join(env.XDG_RUNTIME_DIR, 'whetstone', folderOf(file)) : state;
}

/** Readable and unique: the folder of the configuration and a hash of its path. Short, because the path of a socket is. */
function folderOf(file: string): string {
  const hash = createHash('sha256').update(file).digest('hex').slice(0, 8);
  return `${deviceName(basename(dirname(file))).slice(0, 20)}-${hash}`;
}

/** A host name as one topic level: `pi.local` → `pi-local`. */
function deviceName(hostname: string): string {
  const safe = hostname
    .replaceAll(/[^a-zA-Z0-9_-]+/g, '-')
    .replace(/^[-_]+/, '')
    .slice(0, 64);
  return safe === '' ? 'device' : safe;
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}
