import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const whet = (...args: readonly string[]) => run(process.execPath, [join(root, 'agent/main.ts'), ...args], { cwd: folder });
/** `scripts/whet …` lines of the README, without what follows a comment sign. */
const commands = [...readme.matchAll(/^ {4}scripts\/whet (.*?)(?:\s{2,}#.*)?$/gm)].map((match) => match[1] as string);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'whet-readme-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('README', () => {
  it('shows commands', () => {
    expect(commands.length).toBeGreaterThan(8);
  });

  it.each([...new Set(commands)])('`whet %s`: the verb and its options exist', async (command) => {
    const words = command.split(' ');
    const verb = words[0] === 'weights' || words[1] === 'pull' ? words.slice(0, 2) : words.slice(0, 1);
    const { stdout } = await whet(...verb, '--help');
    for (const option of words.filter((word) => word.startsWith('--'))) expect(stdout).toContain(option);
  });

  it('says of the demo what it really gives', async () => {
    const { stdout } = await whet('demo', '--once', '--json', '--dir', folder);
    const { passed, accent } = JSON.parse(stdout);
    expect(passed).toBe(true);
    for (const when of ['before', 'after'] as const) {
      const shown = Number(new RegExp(`${when} +[█░]+ ([\\d.]+) %`).exec(readme)?.[1]);
      // Other processors round otherwise: a word or two of thirty may fall on the other side.
      expect(Math.abs(100 * accent[when].value - shown)).toBeLessThan(10);
    }
    expect(existsSync(join(folder, 'report.html'))).toBe(true);
  }, 120_000);

  it('shows a configuration that is valid but for the broker and the camera', async () => {
    const yaml = /```yaml\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
    const path = join(folder, 'whetstone.yaml');
    writeFileSync(path, yaml.replace('models/objects', join(root, 'models/objects')).replace('path: inbox', `path: ${folder}`));
    const { stdout } = await whet('check', '--config', path, '--json').catch((error: { stdout: string }) => error);
    const { problems } = JSON.parse(stdout);
    expect(problems.filter(({ path: setting }: { path: string }) => !setting.startsWith('sources[1].command'))).toEqual([]);
  });

  it('links to pages that exist', () => {
    for (const page of ['README.md', 'agent/README.md', 'agent/autodiff/README.md', 'models/README.md']) {
      const text = readFileSync(join(root, page), 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '');
      const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map((match) => match[1] as string).filter((link) => !link.includes('://'));
      expect(links.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
    }
  });
});
