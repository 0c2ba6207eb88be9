import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Forgotten } from '../../agent/operations/forget.ts';
import { createDevice, eventually, type TestDevice } from '../e2e/daemon.ts';
import { photograph } from '../images.ts';
import { atTerminal, hasTerminal } from './at-terminal.ts';

let device: TestDevice;
const total = async () => (await device.client.status({})).samples.total;

beforeAll(async () => {
  device = createDevice('forgets', ['classes: replace']);
  await device.start();
  for (let at = 0; at < 8; at += 1)
    for (const label of ['disc', 'stripes'] as const) device.drop(`${label}/${at}.jpg`, await photograph(label, 50 + at));
  await eventually('16 samples', async () => (await total()) === 16);
});
afterAll(() => device.close());

describe('whet forget', () => {
  it('names ids, labels and sources that are not known, with 65', async () => {
    const unknown = await device.whet('forget', '0SB4J2ZS8CM', '--json');
    expect([unknown.code, unknown.json<Forgotten>().unknown]).toEqual([65, ['0SB4J2ZS8CM']]);
    const label = await device.whet('forget', '--label', 'nosuch');
    expect(label).toMatchObject({ code: 65 });
    expect(label.stderr).toContain("No sample is labelled 'nosuch'. Labels: 'disc', 'stripes'");
    expect((await device.whet('forget', '--source', 'nosuch')).code).toBe(65);
    expect(await device.whet('forget', '--before', '1999-01-01')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('0 samples forgotten'),
    });
    expect(await total()).toBe(16);
  });

  it('with --dry-run says what would go, also which releases, and takes nothing', async () => {
    // The schedule may have been first: then there is nothing new to learn.
    await device.client.train({ reason: 'test' });
    const { current: release } = await device.client.releases({});
    expect(release).not.toBe('base');
    const told = (await device.whet('forget', '--label', 'disc', '--dry-run', '--json')).json<Forgotten>();
    expect(told).toMatchObject({ dryRun: true, samples: 8, purged: [release], current: release, retrained: null });
    const text = await device.whet('forget', '--all', '--dry-run');
    expect(text.stdout).toContain(`16 samples would be forgotten\nreleases that learned from them, and would go: ${release}`);
    expect(await total()).toBe(16);
    expect((await device.client.releases({})).current).toBe(release);
  });

  it.skipIf(!hasTerminal)(
    'asks at a terminal before everything goes',
    async () => {
      for (const [answer, left] of [
        ['no\r', 16],
        ['yes\r', 0],
      ] as const) {
        const child = atTerminal(['forget', '--all', '--config', device.config]);
        let said = '';
        child.stdout.on('data', (part) => {
          said += String(part);
          if (said.includes('Type yes to go on: ') && !child.stdin.writableEnded) child.stdin.end(answer);
        });
        await new Promise((resolve) => child.once('close', resolve));
        expect(said).toContain('All 16 samples and 1 releases go, for good.');
        expect(said).toContain(answer === 'no\r' ? 'nothing was forgotten' : '16 samples forgotten');
        expect(await total()).toBe(left);
      }
    },
    60_000,
  );
});
