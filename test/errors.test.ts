import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { errorRegistry, messageOf, WhetError } from '../agent/errors.ts';

const agent = fileURLToPath(new URL('../agent/', import.meta.url));
const registered = Object.entries(errorRegistry);

/** Rows of the table: code, exit, meaning, what to do. */
const rows = readFileSync(join(agent, 'ERRORS.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split(' | ').map((cell) => cell.replaceAll(/^\|? ?|`| ?\|$/g, '').trim()));

const sources = readdirSync(agent, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && file !== 'errors.ts')
  .map((file) => ({ file, text: readFileSync(join(agent, file), 'utf8') }));
const registryFile = readFileSync(join(agent, 'errors.ts'), 'utf8');

describe('ERRORS.md', () => {
  it('has one row a code, in any order, and no other', () => {
    expect(rows.map(([code]) => code).sort()).toEqual(registered.map(([code]) => code).sort());
  });

  it.each(rows)('says of %s what the registry says, and what to do', (code, exit, means, remedy) => {
    expect({ exit: Number(exit), means }).toEqual(errorRegistry[code as keyof typeof errorRegistry]);
    expect(remedy?.length).toBeGreaterThan(10);
  });
});

describe('error codes', () => {
  it('that are thrown are registered', () => {
    const thrown = sources.flatMap(({ file, text }) =>
      [...text.matchAll(/new WhetError\(\s*'([^']*)'/g)].map((match) => ({ file, code: match[1] ?? '' })),
    );
    expect(thrown.length).toBeGreaterThan(20);
    expect(thrown.filter(({ code }) => !(code in errorRegistry))).toEqual([]);
  });

  it('that are registered are used', () => {
    const texts = [...sources.map(({ text }) => text), registryFile.slice(registryFile.indexOf('export type ErrorCode'))];
    expect(registered.map(([code]) => code).filter((code) => !texts.some((text) => text.includes(`'${code}'`)))).toEqual([]);
  });

  it('exit with a status of sysexits(3)', () => {
    const statuses = registered.map(([, { exit }]) => exit);
    expect(statuses.filter((status) => status < 64 || status > 78)).toEqual([]);
  });
});

describe('WhetError', () => {
  it('carries code, exit status, hint and cause', () => {
    const cause = new Error('why');
    const error = new WhetError('config-invalid', 'what', { hint: 'do this', cause });
    expect(error).toMatchObject({ name: 'WhetError', code: 'config-invalid', exit: 78, message: 'what', hint: 'do this', cause });
  });

  it('says what the system says of files in words', () => {
    const reading = (path: string) => {
      try {
        return readFileSync(path, 'utf8');
      } catch (error) {
        return messageOf(error);
      }
    };
    expect(reading('/nosuch/file')).toBe("there is no such file or folder, '/nosuch/file'");
    expect(messageOf(Object.assign(new Error('spawn nosuch ENOENT'), { code: 'ENOENT', path: 'nosuch', syscall: 'spawn nosuch' }))).toBe(
      'spawn nosuch ENOENT',
    );
  });

  it('is not the only thing that is thrown', () => {
    expect([new Error('a'), 'b', undefined].map(messageOf)).toEqual(['a', 'b', 'undefined']);
  });
});
