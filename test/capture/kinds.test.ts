// What holds for every kind of source: the record agrees with its schema, makes a source, and stands in the documentation.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createSource, kindOf, type SourceConfig, sourceKinds, sourceSchema, withAbsolutePaths } from '../../agent/capture/kinds.ts';
import { withKindsTable } from '../../agent/capture/kinds-table.ts';
import type { InputSpec } from '../../agent/config/card.ts';
import { sensorInputSchema } from '../../agent/config/sensor-input.ts';

/** The least that a person writes; a new kind needs a line here. */
const smallest: Readonly<Record<(typeof sourceKinds)[number]['kind'], object>> = {
  folder: { path: 'inbox' },
  rpicam: {},
  v4l2: { device: '/dev/no-such-camera' },
  csi: {},
  rtsp: { url: 'rtsp://camera/1', username: 'me', passwordFile: '/nowhere/password' },
  http: { url: 'http://camera/shot.jpg', username: 'me', passwordFile: '/nowhere/password' },
  mjpeg: { command: ['camera'] },
  microphone: {},
  sensor: { command: ['imu', '--hz', 50] },
};
const input = sensorInputSchema.parse({ kind: 'sensor', channels: [{ name: 'ax' }], sampleRate: 50, samples: 100 });
const surroundings = { state: '/state', searchPath: '/nowhere', earlier: [], input };
const read = (settings: object) => sourceSchema.parse({ name: 'one', ...settings });

describe.each(sourceKinds.map((record) => record.kind))('%s', (kind) => {
  const settings = read({ kind, ...smallest[kind] });

  it('is found by its word, and makes a source of that kind and name', () => {
    const source = createSource(settings, {
      isClass: () => false,
      isKnown: () => false,
      captures: 'sensor',
      sensor: input,
      createSegmenter: () => ({ push: () => [], flush: () => [] }),
    });
    expect([source.name, source.kind, kindOf(settings).kind]).toEqual(['one', kind, kind]);
    expect(source.status().state).toBe('stopped');
  });

  it('gives something, and its paths become absolute', () => {
    const record = kindOf(settings);
    expect(record.gives.length).toBeGreaterThan(0);
    const there = withAbsolutePaths(settings, (path) => `/home/${path}`) as unknown as Readonly<Record<string, unknown>>;
    for (const path of record.paths) expect(there[path]).toMatch(/^\/home\//);
  });

  it('says what it needs and does not find, as something that may come by itself', async () => {
    const findings = await kindOf(settings).check(settings, surroundings);
    expect([...new Set(findings.map(({ severity }) => severity))]).toEqual(['degraded']);
    expect(findings[0]?.remedy).not.toBe('');
  });
});

describe('the table', () => {
  it('has no word twice, and is what the README shows', () => {
    expect(new Set(sourceKinds.map(({ kind }) => kind)).size).toBe(sourceKinds.length);
    const squeeze = (text: string) => text.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---');
    const readme = readFileSync(new URL('../../agent/capture/README.md', import.meta.url), 'utf8');
    expect(squeeze(withKindsTable(readme))).toBe(squeeze(readme));
  });
});

describe('windows of readings', () => {
  const findings = async (settings: object, of: InputSpec) => {
    const source = read({ kind: 'sensor', command: [process.execPath], ...settings }) as SourceConfig;
    return (await kindOf(source).check(source, { ...surroundings, input: of })).map(
      ({ path, severity }) => `${path.join('.')} ${severity}`,
    );
  };

  it('are cut by time: a model without one needs the time of arrival', async () => {
    expect(await findings({}, { ...input, time: null })).toEqual(['time undefined']);
    expect(await findings({ time: 'arrival' }, { ...input, time: null })).toEqual([]);
    expect(await findings({}, input)).toEqual([]);
  });

  it('are nothing for a model of plain vectors', async () => {
    expect(await findings({}, { kind: 'vector', values: 3 } as InputSpec)).toEqual(['kind undefined']);
  });
});
