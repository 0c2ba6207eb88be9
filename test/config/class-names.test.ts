// Names that mean one class, and names that do not although they look alike.
import { describe, expect, it } from 'vitest';
import { distinctNames, labelsLike, matchLabel } from '../../agent/config/class-names.ts';
import { randomOf } from '../../agent/random.ts';

describe('the label that a name means', () => {
  it.each([
    ['My Cat', ['my-cat', 'dog'], 0],
    ['my_cat', ['dog', 'My Cat'], 1],
    [' cat ', ['cat'], 0],
    ['Cafe\u0301', ['CAFÉ'], 0],
    ['tabby', ['tench', 'tabby, tabby cat'], 1],
    ['-1', ['1', '-1'], 1],
    ['C', ['c', 'C'], 1],
    ['left_', ['left', 'left_'], 1],
  ])('%j of %j is number %i', (name, labels, index) => expect(matchLabel(name, labels)).toBe(index));

  it.each([
    ['-1', ['1']],
    ['1', ['-1']],
    ['A-', ['A', 'A+']],
    ['left_', ['left']],
    ['m²', ['m2']],
    ['temp -5', ['temp 5']],
    ['temp_-5', ['temp_5']],
    ['C++', ['C']],
  ])('%j is none of %j', (name, labels) => expect(labelsLike(name, labels)).toEqual([]));

  it('is not guessed where several are as near', () => {
    expect(labelsLike('CAT', ['Cat', 'cat'])).toEqual([0, 1]);
    expect(matchLabel('CAT', ['Cat', 'cat'])).toBeNull();
    expect(matchLabel('crane', ['crane, bird', 'crane, machine'])).toBeNull();
  });

  it('is itself for every label of any card', () => {
    const random = randomOf(1);
    const characters = [...'aAbB1 2-_+.,²é'];
    for (let draw = 0; draw < 500; draw += 1) {
      const word = () =>
        Array.from({ length: 1 + Math.floor(random() * 4) }, () => characters[Math.floor(random() * characters.length)]).join('');
      const labels = [...new Map(Array.from({ length: 5 }, word).map((label) => [label.normalize('NFC').trim(), label])).values()];
      expect(labels.map((label) => matchLabel(label, labels))).toEqual([...labels.keys()]);
    }
  });
});

it('names that mean one class are one, and others stay', () => {
  expect(distinctNames(['my cat', 'My-Cat', 'dog', 'my_cat'])).toEqual(['my cat', 'dog']);
  const apart = ['-1', '0', '1', 'A', 'A-', 'A+', 'left', 'left_', 'c', 'C'];
  expect(distinctNames(apart)).toEqual(apart);
});
