import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMachineFiles } from '../../agent/host/machine-files.ts';
import { decodeThrottled, readThrottling } from '../../agent/host/throttling.ts';
import { jetsonOrinNano, plant, raspberryPi4 } from './machine-trees.ts';

const { 'sys/devices/platform/soc/soc:firmware/get_throttled': _, ...withoutFile } = raspberryPi4;

describe('decodeThrottled', () => {
  it.each([
    ['throttled=0x0', [], []],
    ['throttled=0x50005\n', ['under-voltage', 'throttled'], ['under-voltage', 'throttled']],
    ['a000a', ['frequency capped', 'soft temperature limit'], ['frequency capped', 'soft temperature limit']],
    ['0x80000', [], ['soft temperature limit']],
  ])('decodes %j', (text, now, sinceBoot) => {
    expect(decodeThrottled(text)).toEqual({ now, sinceBoot });
  });

  it('keeps each of the eight bits apart, and ignores the others', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (bits) => {
        const decoded = decodeThrottled(bits.toString(16));
        const count = (mask: number) => [0, 1, 2, 3].filter((bit) => (bits >>> bit) & mask & 1).length;
        expect(decoded?.now).toHaveLength(count(1));
        expect(decoded?.sinceBoot).toHaveLength([16, 17, 18, 19].filter((bit) => (bits >>> bit) & 1).length);
      }),
    );
  });

  it.each(['', 'error=1 error_msg="Command not registered"', '0x', '123456789', '5 5'])('gives null for %j', (text) => {
    expect(decodeThrottled(text)).toBeNull();
  });
});

describe('readThrottling', () => {
  it("reads the kernel's file", async () => {
    expect(await readThrottling(createMachineFiles(plant(raspberryPi4)), null)).toEqual({
      now: ['under-voltage', 'throttled'],
      sinceBoot: ['under-voltage', 'throttled'],
    });
  });

  it.each([
    ['the program where there is no file', 'echo throttled=0x20002', ['frequency capped']],
    ['nothing where the program fails', 'echo "VCHI initialization failed" >&2; exit 1', null],
  ])('takes %s', async (_what, body, now) => {
    const root = plant(withoutFile);
    const program = join(root, 'vcgencmd');
    writeFileSync(program, `#!/bin/sh\n[ "$1" = get_throttled ] || exit 9\n${body}\n`);
    chmodSync(program, 0o755);
    expect((await readThrottling(createMachineFiles(root), program))?.now ?? null).toEqual(now);
  });

  it('is null where there is no such program, and on other boards', async () => {
    expect(await readThrottling(createMachineFiles(plant(withoutFile)), '/nowhere/vcgencmd')).toBeNull();
    expect(await readThrottling(createMachineFiles(plant(jetsonOrinNano)))).toBeNull();
  });
});
