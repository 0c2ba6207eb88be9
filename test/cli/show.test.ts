// `whet show` on a real device: through its daemon and without, by the beginning of an id, written, drawn; and the questions that lead there.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shippedFile } from '../../agent/installation.ts';
import { createDevice, type Daemon, eventually, type TestDevice, whet } from '../e2e/daemon.ts';
import { photograph } from '../images.ts';

let device: TestDevice;
let daemon: Daemon;
let picture: Buffer;
const rawOut = (...args: readonly string[]) => device.whet('show', ...args);

beforeAll(async () => {
  device = createDevice('shown', ['queries: {below: 1, perHour: 3}']);
  picture = await photograph('disc', 1);
  daemon = await device.start();
  device.drop('first.jpg', picture);
  device.drop('cat/second.jpg', await photograph('stripes', 2));
  await eventually('two samples', async () => (await device.client.status({})).samples.total === 2);
});
afterAll(() => device.close());

describe('whet show', () => {
  it('leads from the open question to the capture and back', async () => {
    const listed = await device.whet('label');
    const [, id = ''] = /See it with: +whet show (\w+)/.exec(listed.stdout) ?? [];
    expect(listed.stdout).toMatch(/'\w+' \d+ %, '\w+' \d+ %, '\w+' \d+ %\n/);
    const shown = await rawOut();
    expect(shown.stdout).toContain(`sample    ${id}: JPEG, `);
    expect(shown.stdout).toMatch(
      /time +20\d\d-.*ago\nsource +inbox\nlabel +none; the device asks: whet label CLASS \w+\nguesses +'\w+' \d+ %.*base model/,
    );
    const out = join(device.folder, 'it.jpg');
    const { sample, format, file, asked } = (await rawOut(id.slice(0, 10), '--out', out, '--json')).json<Record<string, unknown>>();
    expect({ sample, format, file, asked }).toEqual({ sample: id, format: 'JPEG', file: out, asked: true });
    expect(readFileSync(out).equals(picture)).toBe(true);
    expect(await rawOut(id, '--out', out)).toMatchObject({ code: 73 });
    expect((await rawOut(id.toLowerCase(), '--draw', 'plain')).stdout.split('\n').length).toBeGreaterThan(12);
    expect((await rawOut(id, '--draw', 'blocks')).stdout).toContain('▀');
    // Nobody looks: no drawing, no escape codes.
    expect(shown.stdout).not.toContain('\x1b');
  });

  it('tells of a label who gave it, and names what is not there or not clear', async () => {
    const { samples } = await device.client.samples({ labelled: true });
    expect(samples).toMatchObject([{ label: 'cat', labelledBy: 'folder', source: 'inbox', hasCapture: true }]);
    expect((await rawOut(samples[0]!.sample)).stdout).toMatch(/label +'cat' \(by folder, /);
    const beginning = samples[0]!.sample.slice(0, 2);
    for (const [wanted, words] of [
      [beginning, `several samples begin with '${beginning}'`],
      ['ZZZZZZZZZZZ', 'holds no sample'],
      ['no id!', 'holds no sample'],
    ] as const) {
      const refused = await rawOut(wanted);
      expect([refused.code, refused.stderr]).toEqual([65, expect.stringContaining(words)]);
    }
    expect((await rawOut('ZZZ', '--json')).json()).toMatchObject({ error: { code: 'sample-unknown' } });
    expect((await whet('label', 'cat', '--config', device.config)).code).toBe(64);
  });

  it('pages through samples, oldest first', async () => {
    const first = await device.client.samples({ limit: 1 });
    expect(first).toMatchObject({ more: true });
    const second = await device.client.samples({ limit: 1, after: first.samples[0]!.sample });
    expect(second).toMatchObject({ more: false });
    expect(second.samples[0]!.sample > first.samples[0]!.sample).toBe(true);
    expect((await device.client.samples({ label: 'dog' })).samples).toEqual([]);
    expect((await device.client.samples({ source: 'inbox', labelled: false })).samples).toHaveLength(1);
  });

  it('works without a daemon, and says when nothing is asked', async () => {
    expect((await daemon.stop()).code).toBe(0);
    const out = join(device.folder, 'offline.jpg');
    expect((await rawOut('--out', out)).code).toBe(0);
    expect(readFileSync(out).equals(picture)).toBe(true);
    const id = /sample +(\w+)/.exec((await rawOut()).stdout)![1]!;
    expect((await device.whet('label', 'dog', id)).code).toBe(0);
    expect((await rawOut()).stderr).toContain('asks nothing at the moment');
  });
});

it('draws recordings and readings', async () => {
  const { drawCapture } = await import('../../agent/cli/draw/capture.ts');
  const { loadCard } = await import('../../agent/config/card.ts');
  const card = async (name: string) => (await loadCard(shippedFile(`models/${name}/model.json`))).input;
  const terminal = { isTerminal: true, env: {}, columns: 80, rows: 24 };
  const word = readFileSync(new URL('../../models/spoken-digits/demo/0_american_0.wav', import.meta.url));
  expect(await drawCapture(word, await card('spoken-digits'), 'blocks', terminal)).toMatch(
    /▀[\s\S]*\n\d\.\d s to the right, 8 kHz upwards$/,
  );
  const csv = `t,ax,ay,az,gx,gy,gz\n${Array.from({ length: 110 }, (_, at) => `${at / 50},${Math.sin(at / 5)},0,1,0,0,${at}`).join('\n')}\n`;
  const curves = await drawCapture(Buffer.from(csv), await card('motion'), 'plain', terminal);
  expect(curves.split('\n')).toHaveLength(7);
  expect(curves).toMatch(/^ax \[g\] +[▁-█]+ +-1\.00 to 1\.00\n/);
  expect(curves).toMatch(/2\.2 s, 110 readings$/);
});
