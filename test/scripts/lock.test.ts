import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface Package {
  readonly optional?: boolean;
  readonly engines?: Readonly<Record<string, string>>;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
}

const lock = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as {
  readonly packages: Readonly<Record<string, Package>>;
};
const packages = Object.entries(lock.packages);

describe('package-lock.json', () => {
  // npm leaves an optional package out, without a word, where the Node.js that runs npm is older than the package wants. Here that is the
  // system's Node.js, which runs nothing else: after npm has written the lock file, take `engines` out of optional packages.
  it('lets no binary be left out because of the Node.js that npm runs on', () => {
    expect(packages.filter(([, { optional, engines }]) => optional === true && engines !== undefined).map(([name]) => name)).toEqual([]);
  });

  it.each(['node-linux-', '@img/sharp-linux-', '@rolldown/binding-linux-', '@biomejs/cli-linux-'])('has %s for both processors', (name) => {
    for (const arch of ['x64', 'arm64']) expect(packages.some(([path]) => path.startsWith(`node_modules/${name}${arch}`))).toBe(true);
  });

  it('names no registry', () => {
    expect(packages.filter(([, { resolved }]) => resolved !== undefined).map(([name]) => name)).toEqual([]);
  });
});
