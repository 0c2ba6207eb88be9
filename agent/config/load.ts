// YAML file → frozen Config. Throws `config-invalid` with every problem at once, each with line, value and remedy; what is allowed but
// unwise comes back as warnings.
import { open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf, WhetError } from '../errors.ts';
import { isReadableByAll } from './password-file.ts';
import { type Parsed, parseYaml } from './positions.ts';
import { formatProblems, type Problem } from './problem.ts';
import { type Config, currentSurroundings, resolveConfig, type Surroundings } from './resolve.ts';
import { configSchema } from './schema.ts';
import { type Locate, validate } from './validate.ts';

export interface LoadedConfig {
  readonly config: Config;
  readonly warnings: readonly Problem[];
  /** Where a setting stands in the file, for problems that are found later. */
  readonly locate: Locate;
}

/** `config-invalid` with its problems as records, for `whet check --json`. */
export class ConfigError extends WhetError {
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[]) {
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
    super('config-invalid', `${file} has ${count}`, { hint: formatProblems(problems) });
    this.problems = problems;
  }
}

const maxConfigBytes = 1024 * 1024;

/** The configuration that is used where none is named: ./whetstone.yaml, then /etc/whetstone/whetstone.yaml. */
export async function findConfig(named: string | undefined): Promise<string> {
  if (named !== undefined) return resolve(named);
  const places = [resolve('whetstone.yaml'), '/etc/whetstone/whetstone.yaml'];
  for (const place of places) if (await exists(place)) return place;
  throw new WhetError('config-invalid', `there is no configuration: neither ${places.join(' nor ')} exists`, {
    hint: 'Name one with --config FILE. The smallest one is two lines:\n  model: model.onnx\n  sources: [{ name: inbox, kind: folder, path: inbox }]',
  });
}

export async function loadConfig(path: string, surroundings: Surroundings = currentSurroundings()): Promise<LoadedConfig> {
  const file = resolve(path);
  const { text, mode } = await read(file);
  const parsed = parseYaml(text);
  const textProblems = problemsOfText(parsed, file);
  if (textProblems.length > 0) throw new ConfigError(file, textProblems);
  const result = validate(configSchema, parsed.value, file, parsed.locate);
  if (result.kind === 'invalid') throw new ConfigError(file, result.problems);
  const config = resolveConfig(result.value, file, surroundings);
  return { config, warnings: secretsAtRisk(config, mode, parsed.locate), locate: parsed.locate };
}

function problemsOfText({ value, errors }: Parsed, file: string): readonly Problem[] {
  const problem = (place: { line: number | null; column: number | null }, message: string, remedy: string): Problem => {
    return { file, ...place, path: '', value: null, message, remedy };
  };
  if (errors.length > 0) return errors.map(({ place, message }) => problem(place, `is not valid YAML: ${message}`, yamlRemedy(message)));
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return [];
  const what = value === null || value === undefined ? 'is empty' : 'is not a list of settings (name: value)';
  return [problem({ line: 1, column: 1 }, what, 'It needs at least a model:\n      model: model.onnx')];
}

function yamlRemedy(message: string): string {
  if (/tab/i.test(message)) return 'YAML is indented with spaces, never with tabs.';
  if (/unique/i.test(message)) return 'Keep one of the two.';
  if (/documents/.test(message)) return 'Remove the line "---" and what belongs to another file.';
  if (/alias/.test(message)) return 'Write the settings out instead of repeating them with "*".';
  if (/tag/i.test(message)) return 'Write plain values; quote a text that begins with "!".';
  return 'Look at the indentation, the quotes and the brackets of this line and of the one above it; quote a "-" that stands alone.';
}

async function read(file: string): Promise<{ readonly text: string; readonly mode: number }> {
  try {
    await using handle = await open(file);
    const { size, mode } = await handle.stat();
    if (size > maxConfigBytes) {
      throw new WhetError('config-invalid', `${file} has ${size} bytes; a configuration has at most ${maxConfigBytes}`, {
        hint: 'Is this the right file? A configuration is a short YAML file.',
      });
    }
    const bytes = await handle.readFile();
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), mode };
  } catch (error) {
    if (error instanceof WhetError) throw error;
    throw new WhetError('config-invalid', `the configuration ${file} cannot be read: ${messageOf(error)}`, {
      hint: error instanceof TypeError ? 'Save it as UTF-8 text.' : 'Check the path (--config FILE) and who may read the file.',
      cause: error,
    });
  }
}

function secretsAtRisk(config: Config, mode: number, locate: Locate): readonly Problem[] {
  if (config.mqtt?.password === undefined || !isReadableByAll(mode)) return [];
  const path = ['mqtt', 'password'];
  const message = 'can be read by every user of this machine';
  const remedy = `Move it to a file of its own (passwordFile), or run: chmod 600 ${config.file}`;
  return [{ file: config.file, ...locate(path, 'value'), path: path.join('.'), value: null, message, remedy }];
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
