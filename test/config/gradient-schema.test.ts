// `--training key=value`: what is taken, and what is said of the rest.
import { expect, it } from 'vitest';
import { gradientDefaults, parseGradientSettings } from '../../agent/config/gradient-schema.ts';

it('takes settings by their names, and leaves the rest as they are', () => {
  expect(parseGradientSettings(['rate=0.01', 'epochs=3'])).toEqual({ ...gradientDefaults, rate: 0.01, epochs: 3 });
});

it.each([
  ['rate=abc', '--training rate: "abc" is not a number'],
  ['nosuch=1', '--training nosuch: there is no such setting'],
  ['freeze=2', '--training freeze: 2 is not a list, like [1,2]'],
  ['epochs=-4', '--training epochs: -4: '],
  ['rate', "--training 'rate' is not of the form key=value"],
])('says of %s: %s', (pair, message) => {
  expect(() => parseGradientSettings([pair])).toThrow(message);
});
