// A new user's first day, from an empty folder, with nothing but the command line: with a camera, with a microphone, and with a sensor.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { Forgotten } from '../../agent/operations/forget.ts';
import type { Question } from '../../agent/operations/questions.ts';
import type { DeviceStatus } from '../../agent/operations/status.ts';
import type { PredictReport } from '../../agent/predict/report.ts';
import { photograph } from '../images.ts';
import { eventually } from './daemon.ts';
import { begin, type Newcomer, pictureProgram, soundProgram } from './newcomer.ts';

const place = mkdtempSync(join(tmpdir(), 'whet-first-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));
const digits = fileURLToPath(new URL('../../models/spoken-digits/demo', import.meta.url));

const status = (me: Newcomer) => me.json<DeviceStatus>('status');
const asked = (me: Newcomer) => me.json<readonly Question[]>('label');
const predicted = (me: Newcomer, file: string) => me.json<PredictReport>('predict', '--config', 'whetstone.yaml', file);
/** The release that came of what is labelled; whatever the schedule did meanwhile, one more run is asked for until there is one. */
const released = (me: Newcomer) =>
  eventually('a release', async () => {
    const { release } = await status(me);
    if (release !== 'base') return release;
    const { stdout, stderr } = await me.whet('train');
    throw new Error(`${stdout}${stderr}`);
  });

/** Sees or hears what is asked, in a file that holds the very bytes, and answers. */
async function answer(me: Newcomer, label: string, ending: string): Promise<Buffer> {
  const [question] = await eventually('a question', async () => {
    const questions = await asked(me);
    return questions.length === 0 ? null : questions;
  });
  const file = `asked${ending}`;
  const shown = await me.whet('show', question!.sample, '--out', file, '--draw', 'plain');
  expect(shown).toMatchObject({ code: 0 });
  expect(shown.stdout).toContain(`whet label CLASS ${question!.sample}`);
  const told = await me.whet('label', label, question!.sample);
  expect(told).toMatchObject({ code: 0, stdout: `1 labelled '${label}'\n` });
  expect((await asked(me)).map(({ sample }) => sample)).not.toContain(question!.sample);
  return readFileSync(join(me.folder, file));
}

async function takeBack(me: Newcomer, label: string): Promise<void> {
  const release = await released(me);
  expect(await me.whet('rollback', 'base')).toMatchObject({ code: 0, stdout: `current release: base (was ${release})\n` });
  const labelled = (await status(me)).samples.byClass[label]!;
  expect(labelled).toBeGreaterThan(0);
  const beforehand = await me.json<Forgotten>('forget', '--label', label, '--dry-run');
  expect(beforehand).toMatchObject({ samples: labelled, dryRun: true });
  expect(await me.json<Forgotten>('forget', '--label', label)).toMatchObject({ samples: labelled });
  expect((await status(me)).samples.byClass[label]).toBeUndefined();
}

describe('a first day', () => {
  it('with a camera', async () => {
    const frames = join(place, 'frames');
    mkdirSync(frames);
    // Things of all kinds: of some of them the model is unsure.
    for (const [at, thing] of (['disc', 'ring', 'cross', 'checks', 'dots', 'triangle'] as const).entries())
      writeFileSync(join(frames, `${at}.jpg`), await photograph(thing, 1 + at));
    const me = begin({
      'rpicam-hello': '#!/bin/sh\necho "0 : imx708 [4608x2592 10-bit RGGB] (/base/x)"\n',
      'rpicam-vid': pictureProgram(frames),
    });
    try {
      expect(await me.whet('init', '--yes')).toMatchObject({ code: 0, stdout: expect.stringContaining('source    imx708') });
      me.put('photo.jpg', await photograph('stripes', 5000));
      expect(await predicted(me, 'photo.jpg')).toMatchObject({ release: 'base', files: [{ file: 'photo.jpg' }] });
      await me.run();
      const seen = await answer(me, 'ring', '.jpg');
      expect(readdirSync(frames).some((name) => readFileSync(join(frames, name)).equals(seen))).toBe(true);
      for (let at = 0; at < 10; at += 1)
        for (const thing of ['disc', 'stripes'] as const) me.put(`inbox/${thing}/${at}.jpg`, await photograph(thing, 100 + at));
      await eventually('what lies in the inbox', async () => ((await status(me)).samples.byClass.stripes ?? 0) === 10);
      const release = await released(me);
      const { files, ...by } = await predicted(me, 'photo.jpg');
      expect(by).toMatchObject({ release });
      expect(files).toMatchObject([{ answers: [{ label: 'stripes' }, {}] }]);
      await takeBack(me, 'disc');
    } finally {
      await me.close();
    }
  }, 300_000);

  it('with a microphone', async () => {
    const words = join(place, 'words');
    mkdirSync(words);
    // An accent that the model does not know: it asks.
    for (const name of ['0_german_1', '0_german_7', '3_german_1', '9_german_1', '5_german_1'])
      if (existsSync(join(digits, `${name}.wav`))) copyFileSync(join(digits, `${name}.wav`), join(words, `${name}.wav`));
    const me = begin({ arecord: soundProgram(words) });
    try {
      expect(await me.whet('init', '--yes', '--kind', 'audio')).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('source    USB PnP Audio Device'),
      });
      expect((await predicted(me, join(digits, '7_american_0.wav'))).files[0]).toMatchObject({ answers: expect.arrayContaining([]) });
      await me.run();
      const heard = await answer(me, '0', '.wav');
      expect(heard.subarray(0, 4).toString()).toBe('RIFF');
      for (const name of readdirSync(digits).filter((file) => file.includes('_german_')))
        me.put(`inbox/${name[0]}/${name}`, readFileSync(join(digits, name)));
      await eventually('what lies in the inbox', async () => (await status(me)).samples.labelled > 60);
      await takeBack(me, '9');
    } finally {
      await me.close();
    }
  }, 300_000);

  it('with a sensor', async () => {
    const { record, toCsv } = (await import(new URL('../../scripts/models/motion/recordings.mjs', import.meta.url).href)) as {
      record(name: string, person: number, recording: number): readonly { readonly t: number; readonly values: readonly number[] }[];
      toCsv(readings: unknown): string;
    };
    const me = begin();
    try {
      expect(await me.whet('init', '--yes', '--kind', 'sensor')).toMatchObject({ code: 0 });
      // The line that init left as an example, with a program that prints readings.
      const lines = record('turning', 6000, 1).flatMap(({ values }) => [values]);
      me.put(
        'readings',
        `#!/usr/bin/env node
const lines = ${JSON.stringify(lines)};
let at = 0;
setInterval(() => {
  const [ax, ay, az, gx, gy, gz] = lines[at % lines.length];
  console.log(JSON.stringify({ t: at / 50, ax, ay, az, gx, gy, gz }));
  at += 1;
}, 20);
`,
      );
      const config = readFileSync(join(me.folder, 'whetstone.yaml'), 'utf8');
      const example = /# (- \{ name: pump, kind: sensor, command: )\[\.\/readings\] \}.*/;
      expect(config).toMatch(example);
      me.put('whetstone.yaml', config.replace(example, '$1[node, readings] }').replace('below: 0.6', 'below: 1'));
      for (let at = 0; at < 10; at += 1)
        for (const [name, what] of [
          ['on foot', 'walking'],
          ['engine', 'vibrating'],
        ] as const)
          me.put(`inbox/${name}/${at}.csv`, toCsv(record(what, 5100, at)));
      const file = me.put('new.csv', toCsv(record('vibrating', 5200, 3)));
      expect((await predicted(me, file)).files).toMatchObject([{ file }]);
      await me.run();
      const felt = await answer(me, 'spin', '.csv');
      expect(felt.toString()).toMatch(/ax/);
      await eventually('what lies in the inbox', async () => ((await status(me)).samples.byClass['on foot'] ?? 0) === 10);
      const release = await released(me);
      expect(await predicted(me, file)).toMatchObject({ release });
      await takeBack(me, 'on foot');
    } finally {
      await me.close();
    }
  }, 300_000);
});
