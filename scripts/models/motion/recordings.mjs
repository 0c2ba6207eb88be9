// Persons, each with a sensor of their own, and what they do → recordings, as CSV and as windows for `fit`. The same numbers give the same data.
import { resampleReadings } from '../../../agent/preprocess/window.ts';
import { drawPerson, movements } from './movements.mjs';
import { drawChip, measure, random } from './physics.mjs';

export const classes = Object.keys(movements).sort();

/** How readings become the network's input: the card's `input`. */
export const windowInput = {
  kind: 'sensor',
  channels: [...['ax', 'ay', 'az'].map((name) => ({ name, unit: 'g' })), ...['gx', 'gy', 'gz'].map((name) => ({ name, unit: 'deg/s' }))],
  sampleRate: 50,
  samples: 100,
  time: { column: 't', unit: 's' },
  mean: [0],
  std: [1, 1, 1, 100, 100, 100],
};
const durationS = 2.2;

/** Readings of one recording. Person and recording are numbers; no two pairs share anything random but what the person is. */
export function record(name, person, recording) {
  const owner = random(person * 7919 + 17);
  const who = drawPerson(owner);
  const chip = drawChip(owner);
  const source = random((person * 1009 + recording) * 31 + classes.indexOf(name) + 1_000_003);
  return measure(movements[name](who, source), durationS, chip, source);
}

export function toCsv(readings) {
  const names = windowInput.channels.map((channel) => channel.name);
  return `t,${names.join(',')}\n${readings.map(({ t, values }) => [t.toFixed(4), ...values.map((value) => value.toFixed(4))].join(',')).join('\n')}\n`;
}

/** Every class by every person, `each` times, as samples of `fit`: [6, 100] each, after mean and std. */
export function synthesise(persons, each) {
  const rows = persons.flatMap((person) =>
    classes.flatMap((name, label) => Array.from({ length: each }, (_, recording) => ({ person, name, label, recording }))),
  );
  const width = windowInput.channels.length * windowInput.samples;
  const data = new Float32Array(rows.length * width);
  for (const [at, { person, name, recording }] of rows.entries()) {
    const readings = record(name, person, recording);
    const count = readings.length;
    const timesS = Float64Array.from(readings, ({ t }) => t - readings[0].t);
    const values = Float32Array.from(readings.flatMap((reading) => reading.values));
    const even = resampleReadings({ timesS, values, count }, windowInput);
    data.set(
      even.map((value, index) => value / windowInput.std[Math.floor(index / windowInput.samples)]),
      at * width,
    );
  }
  return {
    labels: Int32Array.from(rows, ({ label }) => label),
    persons: Int32Array.from(rows, ({ person }) => person),
    width,
    read(row, into) {
      into.set(data.subarray(row * width, (row + 1) * width));
    },
  };
}

/** However a sensor is mounted: both vectors turned alike, and a little stronger or weaker. For `fit`'s `augment`. */
export function remount(sample, next) {
  const three = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const q = [three(), three(), three(), three()];
  const [w, x, y, z] = q.map((part) => part / Math.hypot(...q));
  const rotation = [
    [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
    [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
    [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
  ];
  const { samples } = windowInput;
  const before = sample.slice();
  for (const first of [0, 3 * samples])
    for (let at = 0; at < samples; at += 1)
      for (const [axis, row] of rotation.entries())
        sample[first + axis * samples + at] = row.reduce((sum, part, from) => sum + part * before[first + from * samples + at], 0);
}
