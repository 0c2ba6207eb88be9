// Holds a valid configuration against the machine: what it names must be there and usable. Takes a Config, gives problems with remedies;
// opens no device, talks to no broker, changes nothing. Says of each whether the device works without it.
import { constants } from 'node:fs';
import { kindOf, type SourceConfig } from '../capture/kinds.ts';
import { WhetError } from '../errors.ts';
import type { CaptureKind } from '../types.ts';
import { captureKind, type InputSpec, requireCard } from './card.ts';
import { checkCredentials } from './check-credentials.ts';
import { shortestIntervalSeconds } from './cron.ts';
import { may, nearestExisting, pathKind, readRemedy } from './look-at-path.ts';
import { degraded, type Finding, type Problem, pathText, printValue } from './problem.ts';
import { requireClassifier } from './require-classifier.ts';
import type { Config } from './resolve.ts';
import type { Locate } from './validate.ts';

/** `locate` comes from `loadConfig`; without it problems have no line. */
export async function checkConfig(config: Config, locate?: Locate): Promise<readonly Problem[]> {
  const model = await checkModel(config);
  const groups = await Promise.all([
    model.findings,
    checkState(config),
    checkRuntime(config),
    checkSchedule(config),
    ...config.sources.map((source, index) => checkSource(config, source, index, model.input)),
    config.mqtt === null ? [] : checkCredentials(config.mqtt).then(degraded),
  ]);
  return groups.flat().map(({ path, value, message, remedy, severity }) => {
    const place = locate?.(path, 'value') ?? { line: null, column: null };
    return { file: config.file, ...place, path: pathText(path), value: printValue(value), message, remedy, severity };
  });
}

interface CheckedModel {
  /** What it takes; null where its card cannot be read. */
  readonly input: InputSpec | null;
  readonly findings: readonly Finding[];
}

async function checkModel({ model, card }: Config): Promise<CheckedModel> {
  const refused = (finding: Finding): CheckedModel => ({ input: null, findings: [finding] });
  const found = await pathKind(model);
  if (found !== 'file') {
    const message = found === 'missing' ? 'there is no such file' : `is a ${found}, not a model file`;
    const remedy = 'Paths are relative to the configuration file. Is the name right?';
    return refused({ path: ['model'], value: model, message, remedy, ...(found === 'missing' ? { severity: 'absent' } : {}) });
  }
  if (!(await may(model, constants.R_OK)))
    return refused({ path: ['model'], value: model, message: 'may not be read', remedy: readRemedy(model) });
  try {
    const { card: read } = await requireCard(model, card === null ? {} : { card });
    requireClassifier(read, model, 'the daemon');
    return { input: read.input, findings: [] };
  } catch (error) {
    if (!(error instanceof WhetError)) throw error;
    const remedy = (error.hint ?? '').replaceAll('\n', '\n    ');
    return refused({ path: [card === null ? 'model' : 'card'], message: error.message, remedy });
  }
}

/** Whether the model takes what it gives, and what it needs is there. */
async function checkSource(config: Config, source: SourceConfig, index: number, input: InputSpec | null): Promise<readonly Finding[]> {
  const record = kindOf(source);
  const surroundings = { state: config.state, input, searchPath: process.env.PATH ?? '', earlier: config.sources.slice(0, index) };
  const findings = [...givesFindings(source, record.gives, input), ...(await record.check(source, surroundings))];
  return findings.map((finding) => ({ ...finding, path: ['sources', index, ...finding.path] }));
}

function givesFindings({ kind }: SourceConfig, gives: readonly CaptureKind[], input: InputSpec | null): readonly Finding[] {
  if (input === null || gives.includes(captureKind(input))) return [];
  const message = `gives ${gives.join(' or ')}, and the model takes ${input.kind} (its card says so)`;
  return [{ path: ['kind'], value: kind, message, remedy: 'Use another source, or another model.' }];
}

async function checkState({ state }: Config): Promise<readonly Finding[]> {
  const nearest = await nearestExisting(state);
  const found = await pathKind(nearest);
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
