// Holds a valid configuration against the machine: what it names must be there and usable. Takes a Config, gives problems with remedies;
// opens no device, talks to no broker, changes nothing. Says of each whether the device works without it.
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join, relative } from 'node:path';
import { WhetError } from '../errors.ts';
import { type ModelCard, requireCard } from './card.ts';
import { checkCredentials } from './check-credentials.ts';
import { shortestIntervalSeconds } from './cron.ts';
import { degraded, type Finding, type Problem, pathText, printValue } from './problem.ts';
import { requireClassifier } from './require-classifier.ts';
import type { Config } from './resolve.ts';
import { type FolderSource, microphoneCommand, type SourceConfig } from './source-schema.ts';
import type { Locate } from './validate.ts';

/** `locate` comes from `loadConfig`; without it problems have no line. */
export async function checkConfig(config: Config, locate?: Locate): Promise<readonly Problem[]> {
  const groups = await Promise.all([
    checkModel(config),
    checkState(config),
    checkRuntime(config),
    checkSchedule(config),
    ...config.sources.map((source, index) => checkSource(config, source, index)),
    config.mqtt === null ? [] : checkCredentials(config.mqtt).then(degraded),
  ]);
  return groups.flat().map(({ path, value, message, remedy, severity }) => {
    const place = locate?.(path, 'value') ?? { line: null, column: null };
    return { file: config.file, ...place, path: pathText(path), value: printValue(value), message, remedy, severity };
  });
}

async function checkModel({ model, card, sources }: Config): Promise<readonly Finding[]> {
  const found = await kindOf(model);
  if (found !== 'file') {
    const message = found === 'missing' ? 'there is no such file' : `is a ${found}, not a model file`;
    const remedy = 'Paths are relative to the configuration file. Is the name right?';
    return [{ path: ['model'], value: model, message, remedy, ...(found === 'missing' ? { severity: 'absent' } : {}) }];
  }
  if (!(await may(model, constants.R_OK)))
    return [{ path: ['model'], value: model, message: 'may not be read', remedy: readRemedy(model) }];
  try {
    const { card: read } = await requireCard(model, card === null ? {} : { card });
    requireClassifier(read, model, 'the daemon');
    return sources.flatMap(({ kind }, index) => checkKind(kind, read.input.kind, index));
  } catch (error) {
    if (!(error instanceof WhetError)) throw error;
    return [{ path: [card === null ? 'model' : 'card'], message: error.message, remedy: (error.hint ?? '').replaceAll('\n', '\n    ') }];
  }
}

/** What each source gives; a folder gives whatever the model takes. */
const given: Readonly<Record<SourceConfig['kind'], ModelCard['input']['kind'] | null>> = {
  folder: null,
  mjpeg: 'image',
  microphone: 'audio',
  sensor: 'sensor',
};

function checkKind(source: SourceConfig['kind'], wanted: ModelCard['input']['kind'], index: number): readonly Finding[] {
  if (given[source] === null || given[source] === wanted) return [];
  const message = `gives ${given[source]}, and the model takes ${wanted} (its card says so)`;
  return [{ path: ['sources', index, 'kind'], value: source, message, remedy: 'Use another source, or another model.' }];
}

async function checkState({ state }: Config): Promise<readonly Finding[]> {
  const nearest = await nearestExisting(state);
  const found = await kindOf(nearest);
  if (found !== 'folder') {
    return [{ path: ['state'], value: state, message: `cannot be made: ${nearest} is a ${found}`, remedy: 'Name another folder.' }];
  }
  if (await may(nearest, constants.W_OK | constants.X_OK)) return [];
  const remedy = `Give this user the right to write in ${nearest}, or name another folder with "state".`;
  return [{ path: ['state'], value: state, message: 'may not be written', remedy }];
}

/** The path of a Unix socket has at most 107 bytes (unix(7)). */
const longestSocketPath = 107;
const socketNameBytes = 24;

function checkRuntime({ runtimeDir }: Config): readonly Finding[] {
  if (Buffer.byteLength(runtimeDir) + socketNameBytes <= longestSocketPath) return [];
  const message = `is too long for a socket: ${Buffer.byteLength(runtimeDir)} bytes`;
  return [{ path: ['runtimeDir'], message, remedy: `Set runtimeDir to a path of at most ${longestSocketPath - socketNameBytes} bytes.` }];
}

function checkSchedule({ training }: Config): readonly Finding[] {
  if (training.schedule === null) return [];
  const seconds = shortestIntervalSeconds(training.schedule);
  if (seconds >= 60) return [];
  const message = `comes up every ${seconds} s`;
  return [
    { path: ['training', 'schedule'], value: training.schedule, message, remedy: 'Leave out the first of the six fields, the seconds.' },
  ];
}

async function checkFolder(config: Config, { path: folder }: FolderSource, index: number): Promise<readonly Finding[]> {
  const finding = (message: string, remedy: string): readonly Finding[] => [
    { path: ['sources', index, 'path'], value: folder, message, remedy },
  ];
  const found = await kindOf(folder);
  if (found === 'missing') return degraded(finding('there is no such folder', `mkdir -p ${folder}`));
  if (found !== 'folder') return degraded(finding('is a file, not a folder', 'Name the folder that holds the captures.'));
  if (!(await may(folder, constants.R_OK | constants.X_OK))) return degraded(finding('may not be read', readRemedy(folder)));
  if (contains(folder, config.state))
    return finding('holds the state folder: the device would learn from its own files', 'Name another folder.');
  const others = [...config.sources.entries()].filter(([other, source]) => other < index && source.kind === 'folder');
  const nested = others.find(([, source]) => source.kind === 'folder' && (contains(source.path, folder) || contains(folder, source.path)));
  if (nested === undefined) return [];
  return finding(`lies within or around the folder of sources[${nested[0]}]: captures would be taken twice`, 'Keep one of the two.');
}

function checkSource(config: Config, source: SourceConfig, index: number): Promise<readonly Finding[]> {
  switch (source.kind) {
    case 'folder':
      return checkFolder(config, source, index);
    case 'mjpeg':
    case 'sensor':
      return checkProgram(source.command[0]!, ['sources', index, 'command', 0], process.env.PATH ?? '');
    case 'microphone': {
      const path = source.command === undefined ? ['sources', index, 'kind'] : ['sources', index, 'command', 0];
      return checkProgram(microphoneCommand(source)[0]!, path, process.env.PATH ?? '');
    }
  }
}

async function checkProgram(program: string, path: Finding['path'], searchPath: string): Promise<readonly Finding[]> {
  const places = program.includes('/') ? [program] : searchPath.split(delimiter).map((folder) => join(folder, program));
  for (const place of places) if ((await kindOf(place)) === 'file' && (await may(place, constants.X_OK))) return [];
  const where = program.includes('/') ? 'is not a program that may be run' : 'is not installed, or not on the PATH';
  const remedy = program.includes(' ')
    ? 'Write the program and each argument as an entry of its own.'
    : (packages[program] ?? 'Install it, or give its full path.');
  return [{ path, value: program, message: where, remedy, severity: 'degraded' }];
}

const packages: Readonly<Record<string, string>> = {
  'rpicam-vid': 'On Raspberry Pi OS: sudo apt install rpicam-apps-lite',
  'libcamera-vid': 'It is called rpicam-vid since Raspberry Pi OS bookworm.',
  arecord: 'On Debian and Raspberry Pi OS: sudo apt install alsa-utils',
  ffmpeg: 'On Debian and Raspberry Pi OS: sudo apt install ffmpeg',
  'gst-launch-1.0': 'On Debian and Jetson: sudo apt install gstreamer1.0-tools',
};

function readRemedy(path: string): string {
  return `Give the user that runs Whetstone the right to read ${path}.`;
}

async function kindOf(path: string): Promise<'file' | 'folder' | 'special file' | 'missing'> {
  const found = await stat(path).catch(() => null);
  if (found === null) return 'missing';
  return found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'special file';
}

async function may(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

async function nearestExisting(path: string): Promise<string> {
  return (await kindOf(path)) === 'missing' && dirname(path) !== path ? nearestExisting(dirname(path)) : path;
}

function contains(folder: string, path: string): boolean {
  const inside = relative(folder, path);
  return !inside.startsWith('..') && !isAbsolute(inside);
}
