import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorCodeOf } from '../agent/errors.ts';
import { printable } from '../agent/printable.ts';
import { whet } from './e2e/daemon.ts';

/** C0 and C1 controls but line ends and tabs, and what turns the direction of writing. */
const steers = (text: string) =>
  [...text].some((character) => {
    const code = character.codePointAt(0)!;
    return (code < 32 && code !== 9 && code !== 10) || (code >= 127 && code < 160) || (code >= 0x202a && code <= 0x202e);
  });

describe('what a terminal is shown', () => {
  it('holds nothing that steers it, and all the rest', () => {
    expect(printable('a\u001b[2J\u009b31m\u0007b\r\u202ec')).toBe('a\\u001b[2J\\u009b31m\\u0007b\\u000d\\u202ec');
    expect(printable('grün\tß 猫 🐈\nnext')).toBe('grün\tß 猫 🐈\nnext');
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !steers(printable(text))));
  });

  it('leaves a JSON document the one that it was', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => JSON.parse(printable(JSON.stringify({ text }))).text === text));
  });

  it('is so for errors of the command line, in text and in JSON, and for the log', async () => {
    const name = 'no\u001b[2J\u009b31msuch\u202e.onnx';
    const text = await whet('inspect', name);
    expect(text.code).toBe(65);
    expect(text.stderr).toContain('no\\u001b[2J\\u009b31msuch\\u202e.onnx');
    expect(steers(text.stderr)).toBe(false);
    const json = await whet('inspect', name, '--json');
    expect(steers(json.stdout)).toBe(false);
    expect(json.json<{ error: { message: string } }>().error.message).toContain(name);
    const script = `import { createLog } from ${JSON.stringify(new URL('../agent/log.ts', import.meta.url).href)};
      createLog('info').info({ name: 'a\\u009b31m\\u202e' }, 'said');`;
    const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(steers(stderr)).toBe(false);
    expect(JSON.parse(stderr)).toMatchObject({ name: 'a\u009b31m\u202e', msg: 'said' });
  });
});

describe('a code from elsewhere', () => {
  it('is one of the registry and nothing that every object has', () => {
    expect(errorCodeOf('disk-full')).toBe('disk-full');
    for (const code of ['constructor', '__proto__', 'toString', 'no-such']) expect(errorCodeOf(code)).toBe('internal');
  });
});
