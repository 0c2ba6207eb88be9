import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { claimState } from '../../agent/engine/owner.ts';
import { temporaryDirectory } from '../store/fixtures.ts';

describe('a state folder', () => {
  it('belongs to the first configuration, refuses another one, and goes along with one that was moved', () => {
    const folder = temporaryDirectory();
    const [first, second] = [join(folder, 'a.yaml'), join(folder, 'b.yaml')];
    writeFileSync(first, '');
    writeFileSync(second, '');
    claimState(folder, first);
    claimState(folder, first);
    expect(() => claimState(folder, second)).toThrow(`belongs to another configuration: ${first}`);
    rmSync(first);
    claimState(folder, second);
    expect(readFileSync(join(folder, 'configuration'), 'utf8')).toBe(`${second}\n`);
  });
});
