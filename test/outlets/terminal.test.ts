import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEvents, type DeviceEvent } from '../../agent/events.ts';
import { createHeardLog, createLog } from '../../agent/log.ts';
import { createTerminalOutlet } from '../../agent/outlets/terminal.ts';
import { atTerminal, hasTerminal } from '../cli/at-terminal.ts';
import { createDevice, eventually, type TestDevice } from '../e2e/daemon.ts';
import { photograph } from '../images.ts';

let said: string[];
let nowMs: number;
let columns: number;
let tell: (event: DeviceEvent) => void;
let log: ReturnType<typeof createHeardLog>;
const noon = new Date(2026, 10, 25, 12, 0, 0).getTime();

function start(colours: boolean): void {
  [said, nowMs, columns] = [[], noon, 100];
  const outlet = createTerminalOutlet({ write: (text) => said.push(text), columns: () => columns, colours, now: () => nowMs });
  const events = createEvents(createLog('silent'));
  outlet.listen(events);
  tell = events.emit;
  log = createHeardLog('info', outlet.logged);
}
beforeEach(() => start(false));

const scores = (label: string) => [
  { label, confidence: 0.66 },
  { label: 'other', confidence: 0.34 },
];
const predicted = (label: string, more: object = {}, sample: string | null = null) =>
  tell({
    kind: 'predicted',
    sample,
    capture: { source: 'door', timeMs: 0, kind: 'image', bytes: new Uint8Array(), ...more },
    inferred: { features: new Float32Array(), answer: { kind: 'classes', scores: scores(label) }, hash: 0n, release: 'base', latencyMs: 1 },
  });
const reported = (verdict: 'accepted' | 'rejected' | 'waiting', release: string | null) =>
  tell({ kind: 'reported', report: { verdict: { kind: verdict, reason: 'So it is.' }, release } as never });

describe('what is seen', () => {
  it('is a line with its source; the same again from a camera is counted', () => {
    predicted('cat', {}, '0SB4J2ZS8CM');
    for (let at = 0; at < 5; at += 1) predicted('cat');
    predicted('dog');
    nowMs += 61_000;
    predicted('dog');
    expect(said).toEqual([
      "12:00:00  saw       'cat' 66 %, 'other' 34 %  door  0SB4J2ZS8CM\n",
      "12:00:00  saw       'dog' 66 %, 'other' 34 %  door (and 5 more like the one before)\n",
      "12:01:01  saw       'dog' 66 %, 'other' 34 %  door\n",
    ]);
  });

  it('of files is each a line, with its label', () => {
    predicted('cat', { source: 'inbox', origin: 'cat/1.jpg:907:1795609811013', label: 'cat' });
    predicted('cat', { source: 'inbox', origin: 'cat/2.jpg:907:1795609811013', kind: 'audio' });
    expect(said.join('')).toMatch(/saw .*inbox: cat\/1\.jpg, labelled 'cat'\n.*heard .*inbox: cat\/2\.jpg\n/);
  });

  it('holds no control characters of a stranger', () => {
    predicted('cat\x1b[2J', { source: 'inbox', origin: 'a\nb\x07.jpg:1:1' });
    expect(said.join('')).toMatch(/'cat�\[2J'.*a; b�\.jpg\n$/);
  });
});

describe('what happens', () => {
  it('is told in the words of people', () => {
    log.info({ device: 'porch', model: 'objects', release: 'base' }, 'ready');
    tell({ kind: 'asked', sample: '0SB4J2ZS8CM', capture: {} as never, answer: { kind: 'classes', scores: scores('cat') }, shown: null });
    tell({ kind: 'progressed', run: 'r1', done: 1, total: 9, what: 'features' });
    tell({ kind: 'progressed', run: 'r1', done: 2, total: 9, what: 'features' });
    reported('accepted', '000001-aaaaaaaa');
    tell({ kind: 'released', version: '000001-aaaaaaaa' });
    tell({ kind: 'released', version: '000002-bbbbbbbb' });
    tell({ kind: 'released', version: '000001-aaaaaaaa' });
    tell({ kind: 'released', version: 'base' });
    reported('rejected', null);
    reported('waiting', null);
    log.info({ reason: 'SIGINT' }, 'stopping');
    const verbs = said.map((line) => line.slice(10, 19).trim());
    expect(verbs).toEqual([
      'ready',
      'asks',
      'learns',
      'learned',
      'released',
      'released',
      'went back',
      'went back',
      'kept',
      'waits',
      'stops',
    ]);
    expect(said[1]).toContain('whet show 0SB4J2ZS8CM');
    expect(said[7]).toContain('the base model predicts again, in place of 000001-aaaaaaaa');
  });

  it('in a run is told as it was decided: learned, then released', () => {
    tell({ kind: 'progressed', run: 'r1', done: 1, total: 9, what: 'features' });
    tell({ kind: 'released', version: '000001-aaaaaaaa' });
    reported('accepted', '000001-aaaaaaaa');
    expect(said.map((line) => line.slice(10, 19).trim())).toEqual(['learns', 'learned', 'released']);
  });

  it('that is wrong is said when it comes and when it goes, and what the log warns of', () => {
    const health = (degraded: readonly string[]) => tell({ kind: 'health', health: {} as never, degraded });
    health(['source door: no such device']);
    health(['source door: no such device']);
    health([]);
    log.info({ n: 1 }, 'not for people');
    log.warn({ source: 'inbox', error: 'not a picture' }, 'capture cannot be read');
    expect(said.map((line) => line.slice(10).trim())).toEqual([
      'degraded  source door: no such device',
      'recovered source door: no such device',
      'warning   capture cannot be read; source: inbox; error: not a picture',
    ]);
  });

  it('fits the width, and has colours only where they are wanted', () => {
    columns = 50;
    tell({ kind: 'asked', sample: '0SB4J2ZS8CM', capture: {} as never, answer: { kind: 'classes', scores: scores('cat') }, shown: null });
    predicted('x'.repeat(120));
    const lines = said.join('').trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(5);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(50);
    expect(said.join('')).not.toContain('\x1b');
    start(true);
    predicted('cat');
    expect(said[0]).toContain('\x1b[34msaw      \x1b[0m');
  });
});

describe('whet run', () => {
  let device: TestDevice;
  beforeEach(() => {
    device = createDevice('spoken', ['queries: {below: 1}']);
  });
  afterEach(() => device.close());

  it.skipIf(!hasTerminal)(
    'speaks at a terminal, and logs JSON there with --json',
    async () => {
      for (const flag of ['', '--json']) {
        const child = atTerminal(['run', '--config', device.config, ...(flag === '' ? [] : [flag])], {
          env: { ...process.env, TERM: 'xterm', NO_COLOR: '1' },
        });
        let text = '';
        child.stdout.on('data', (part) => {
          text += String(part);
        });
        await eventually('ready', () => text.includes('ready'));
        device.drop(`seen${flag.length}.jpg`, await photograph('disc', 1 + flag.length));
        await eventually('a sample', async () => (await device.client.status({})).samples.total > (flag === '' ? 0 : 1));
        child.stdin.write('\x03');
        await new Promise((resolve) => child.once('close', resolve));
        if (flag === '') {
          expect(text).toMatch(/ready {5}spoken: objects, the base model\. Ctrl-C ends it\.\r\n/);
          expect(text).toMatch(/saw .*inbox: seen0\.jpg/);
          expect(text).toMatch(/asks {6}what is \w{11}\?/);
          expect(text).toContain('stops');
          expect(text).not.toContain('{"level"');
        } else expect(text).toContain('"msg":"ready"');
      }
    },
    120_000,
  );
});
