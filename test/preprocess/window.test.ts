import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SensorInput, sensorInputSchema } from '../../agent/config/sensor-input.ts';
import { drawViews, inputShape, isUnreadable, preprocessCapture } from '../../agent/preprocess/capture-input.ts';
import { hammingDistance } from '../../agent/preprocess/perceptual-hash.ts';
import { readReadings } from '../../agent/preprocess/readings.ts';
import { windowOfReadings } from '../../agent/preprocess/window.ts';

const channels = [{ name: 'ax', unit: 'g' }, { name: 'gz' }];
const input: SensorInput = sensorInputSchema.parse({ kind: 'sensor', channels, sampleRate: 50, samples: 100 });
const preprocessWindow = (content: Uint8Array, spec: SensorInput) => windowOfReadings(readReadings(content, spec), spec);
const bytes = (text: string) => new TextEncoder().encode(text);
/** Two channels at given times. */
const csv = (times: readonly number[], a: (t: number) => number, b: (t: number) => number, separator = ',') =>
  bytes(['t', 'ax', 'note', 'gz'].join(separator) + times.map((t) => `\n${[t, a(t), 'x', b(t)].join(separator)}`).join(''));
const even = (count: number, hertz: number, start = 0) => Array.from({ length: count }, (_, at) => start + at / hertz);
const refusal = (content: Uint8Array, spec: SensorInput = input) => {
  try {
    preprocessWindow(content, spec);
  } catch (error) {
    expect(isUnreadable(error)).toBe(true);
    return (error as Error).message;
  }
  return 'it was read';
};

describe('the window of a sensor', () => {
  it('takes readings at the rate of the model as they are, after mean and std', async () => {
    const spec = { ...input, mean: [1, 0], std: [2, 4] };
    const { data } = await preprocessCapture(
      csv(
        even(100, 50, 1_700_000_000),
        (t) => t % 1,
        (t) => -(t % 3),
      ),
      spec,
    );
    expect(inputShape(spec)).toEqual([1, 2, 100]);
    expect(data.length).toBe(200);
    expect(data[10]).toBeCloseTo((0.2 - 1) / 2, 4);
    expect(data[100 + 10]).toBeCloseTo(-((1_700_000_000.2 % 3) / 4), 4);
  });

  it.each([
    ['slower', 30],
    ['faster', 400],
    ['the same', 50],
  ])('resamples a slow wave from %s readings (%d Hz)', (_what, hertz) => {
    const wave = (t: number) => Math.sin(2 * Math.PI * 1.5 * t);
    const { data } = preprocessWindow(
      csv(even(2 * hertz + 2, hertz), wave, (t) => t),
      input,
    );
    for (let at = 1; at < 99; at += 1) expect(Math.abs(data[at]! - wave(at / 50 + 1 / hertz))).toBeLessThan(0.08);
  });

  it('averages what the lower rate cannot hold instead of folding it down', () => {
    const fast = (t: number) => Math.sin(2 * Math.PI * 49 * t);
    const { data } = preprocessWindow(
      csv(even(2000, 1000), fast, () => 0),
      input,
    );
    expect(Math.max(...data.subarray(1, 99).map(Math.abs))).toBeLessThan(0.1);
  });

  it.each([104, 104.7, 200, 400, 3000])('keeps what the rate can hold and drops what it cannot, read at %d Hz', (hertz) => {
    const read = (wave: number) => {
      const at = (t: number) => Math.sin(2 * Math.PI * wave * t);
      return preprocessWindow(
        csv(even(4 * hertz, hertz), at, () => 0),
        input,
      ).data.slice(0, 100);
    };
    const level = (data: Float32Array) => Math.sqrt((2 * data.reduce((sum, value) => sum + value ** 2, 0)) / data.length);
    expect(level(read(10))).toBeGreaterThan(0.97);
    expect(level(read(10))).toBeLessThan(1.03);
    // Where readings allow such a wave at all; 0.03 is −30 dB.
    if (hertz > 100) expect(level(read(40))).toBeLessThan(0.03);
  });

  it('refuses a hole in fast readings as well', () => {
    const times = even(800, 200).filter((t) => t < 1.7 || t > 2.3);
    expect(
      refusal(
        csv(
          times,
          (t) => t,
          () => 0,
        ),
      ),
    ).toContain('no reading for 0.6');
  });

  it('refuses more cells than columns, and reads a decimal comma only where it can be nothing else', () => {
    const comma = (value: number) => value.toFixed(3).replace('.', ',');
    const lines = (separator: string) =>
      bytes(
        ['t', 'ax', 'gz'].join(separator) +
          even(110, 50)
            .map((t) => `\n${[t, t / 2, 1 - t].map(comma).join(separator)}`)
            .join(''),
      );
    expect(refusal(lines(','))).toContain('line 2 has 6 cells for 3 columns: decimal commas');
    const wanted = preprocessWindow(
      bytes(
        `t,ax,gz${even(110, 50)
          .map((t) => `\n${t.toFixed(3)},${(t / 2).toFixed(3)},${(1 - t).toFixed(3)}`)
          .join('')}`,
      ),
      input,
    );
    expect(preprocessWindow(lines(';'), input).data).toEqual(wanted.data);
    expect(preprocessWindow(lines('\t'), input).data).toEqual(wanted.data);
    const text = `t,note,ax,gz\n${even(110, 50)
      .map((t) => `${t},"warm, dry",${t},1`)
      .join('\n')}`;
    expect(preprocessWindow(bytes(text), input).data).toHaveLength(200);
    expect(refusal(bytes(`${text}\n2.3,warm, dry,1,1`))).toContain('line 112 has 5 cells for 4 columns');
  });

  it('reads no more of a hostile text than it has to', () => {
    const idle = process.memoryUsage.rss();
    expect(refusal(bytes(`t,ax,gz${'\n'.repeat(20_000_000)}`))).toContain('0 readings');
    expect(refusal(bytes('['.repeat(20_000_000)))).toContain('reading 1 is not a JSON object');
    expect(refusal(bytes(`[${'[],'.repeat(5_000_000)}[]]`))).toContain('reading 1 is not a JSON object');
    expect(refusal(bytes(`{"t":${' '.repeat(10_000_000)}0}`))).toContain('line 1 is longer than 64 KB');
    expect(refusal(bytes(`t,ax,gz\n${'0,1,2\n'.repeat(2_100_000)}`))).toContain('more than 2000000 readings');
    // Each text of it is 20 MB; all of them at once as strings, lines and rows were gigabytes.
    expect(process.memoryUsage.rss() - idle).toBeLessThan(300 * 1024 * 1024);
  });

  it('says of a cell that is an object what it is', () => {
    expect(refusal(bytes('{"t":0,"ax":{"toString":1},"gz":1}'))).toContain('{\\"toString\\":1}');
  });

  it('does not mind jitter, other separators, JSON lines, arrays, milliseconds, Windows lines and unknown columns', () => {
    const wave = (t: number) => Math.cos(3 * t);
    const wanted = preprocessWindow(csv(even(110, 50), wave, wave), input).data;
    const jittered = even(110, 50).map((t, at) => t + (at % 3) * 0.004);
    const near = preprocessWindow(csv(jittered, wave, wave), input).data;
    for (const [at, value] of near.entries()) expect(Math.abs(value - wanted[at]!)).toBeLessThan(0.06);
    expect(preprocessWindow(csv(even(110, 50), wave, wave, ';'), input).data).toEqual(wanted);
    const records = even(110, 50).map((t) => ({ t, ax: wave(t), gz: wave(t), extra: null }));
    expect(preprocessWindow(bytes(records.map((record) => JSON.stringify(record)).join('\r\n')), input).data).toEqual(wanted);
    expect(preprocessWindow(bytes(JSON.stringify(records)), input).data).toEqual(wanted);
    const spec = sensorInputSchema.parse({ ...input, time: { column: 'ms', unit: 'ms' } });
    const inMs = records.map(({ t, ax, gz }) => JSON.stringify({ ms: Math.round(1000 * t), ax, gz })).join('\n');
    expect(preprocessWindow(bytes(inMs), spec).data).toEqual(wanted);
    const spec0 = { ...input, time: null };
    expect(preprocessWindow(bytes(`ax,gz\n${records.map(({ ax, gz }) => `${ax},${gz}`).join('\n')}`), spec0).data).toEqual(wanted);
  });

  it('takes the middle of a longer recording, and holds the last reading where a little is missing', () => {
    const { data } = preprocessWindow(
      csv(
        even(200, 50),
        (t) => t,
        () => 0,
      ),
      input,
    );
    expect(data[0]).toBeCloseTo(1, 2);
    const short = preprocessWindow(
      csv(
        even(93, 50),
        (t) => t,
        () => 0,
      ),
      input,
    ).data;
    expect(short[99]).toBeCloseTo(92 / 50, 4);
  });

  it('refuses what is no recording, saying where', () => {
    const ok = even(100, 50);
    expect(refusal(bytes(''))).toContain('empty');
    expect(refusal(bytes('t,ax\n0,1'))).toContain("no column is called 'gz'");
    expect(refusal(bytes('{"t":0,"ax":1,"gz":1}\n{"t":0.02,"ax":1}'))).toContain("reading 2 has no 'gz'");
    expect(refusal(bytes('{"t":0,"ax":1,"gz":1}\nnope'))).toContain('line 2 is not JSON');
    expect(
      refusal(
        csv(
          ok,
          (t) => (t > 1 ? Number.NaN : t),
          () => 0,
        ),
      ),
    ).toContain("'ax' at line 53 is not a number");
    expect(
      refusal(
        csv(
          ok,
          (t) => (t > 1 ? 1e39 : t),
          () => 0,
        ),
      ),
    ).toContain('not a number');
    expect(
      refusal(
        csv(
          [...ok.slice(0, 50), 0.3, ...ok.slice(50)],
          () => 0,
          () => 0,
        ),
      ),
    ).toContain('backwards');
    expect(
      refusal(
        csv(
          even(60, 50),
          () => 0,
          () => 0,
        ),
      ),
    ).toContain('the window is 2.00 s long');
    expect(
      refusal(
        csv(
          [...even(40, 50), ...even(60, 50, 1.9)],
          () => 0,
          () => 0,
        ),
      ),
    ).toContain('no reading for 1.12 s');
    expect(refusal(Uint8Array.of(0xff, 0xd8, 0xff, 0xe0))).toContain('not text');
    expect(refusal(bytes('{"t":0,"ax":"","gz":1}'))).toContain('not a number');
    expect(
      refusal(
        csv(
          ok,
          () => 1e38,
          () => 0,
        ),
        { ...input, std: [1e-10] },
      ),
    ).toContain('too large');
    expect(refusal(new Uint8Array(65 * 1024 * 1024))).toContain('over the limit');
  });

  it('never throws anything else on bytes from nowhere', () => {
    const line = fc.oneof(
      fc.json(),
      fc.string(),
      fc.constantFrom('t,ax,gz', '0,1,2', '0.5,3,4', '[{"t":0}]', '{"t":1,"ax":2,"gz":3}', '[1]'),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        const said = refusal(bytes(lines.join('\n')), { ...input, samples: 4 });
        expect(said).not.toBe('');
      }),
      { numRuns: 300 },
    );
  });

  it('has a hash that knows the same recording again and not another', () => {
    const first = csv(
      even(100, 50),
      (t) => Math.sin(6 * t),
      (t) => Math.cos(9 * t),
    );
    const again = csv(
      even(100, 50),
      (t) => Math.sin(6 * t) + 1e-4,
      (t) => Math.cos(9 * t),
    );
    const other = csv(
      even(100, 50),
      (t) => Math.sin(17 * t + 2),
      (t) => t % 0.4,
    );
    const hash = (content: Uint8Array) => preprocessWindow(content, input).hash;
    expect(hammingDistance(hash(first), hash(again))).toBeLessThan(4);
    expect(hammingDistance(hash(first), hash(other))).toBeGreaterThan(8);
  });

  it('draws views that are alike but not equal, the same ones each time', async () => {
    const content = csv(
      even(150, 50),
      (t) => Math.sin(6 * t),
      (t) => Math.cos(9 * t),
    );
    const views = await drawViews(content, input, 3);
    expect(views.length).toBe(3);
    expect(await drawViews(content, input, 3)).toEqual(views);
    expect(views[0]).not.toEqual(views[1]);
    // Too short for a faster view: as fast as it is.
    expect((await drawViews(csv(even(95, 50), Math.sin, Math.cos), input, 4)).length).toBe(4);
  });
});

describe('the card of a sensor model', () => {
  it('says every problem at once', () => {
    const wrong = { kind: 'sensor', channels: [{ name: 'a' }, { name: 'a' }], sampleRate: 50, samples: 1, mean: [1, 2, 3], std: [0] };
    const problems = sensorInputSchema.safeParse(wrong).error?.issues.map(({ path }) => path.join('.'));
    expect(problems).toEqual(expect.arrayContaining(['channels.1.name', 'samples', 'mean', 'std.0']));
  });
});
