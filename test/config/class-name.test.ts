import { describe, expect, it } from 'vitest';
import { givenClassName, isClassName, labelSchema } from '../../agent/config/class-name.ts';

describe('a class name', () => {
  it.each(['cat', '-1', 'A-', 'left_', 'Kätzchen', '猫', '🐈‍⬛', 'two words', 'm²'])('may be %s', (name) => {
    expect(isClassName(name)).toBe(true);
    expect(givenClassName.parse(` ${name}\t`)).toBe(name.normalize('NFC'));
    expect(labelSchema.parse(name)).toBe(name);
  });

  it.each([
    ['', 'nothing'],
    ['   ', 'nothing'],
    ['ring\u001b[2J', 'control'],
    ['a\nb', 'control'],
    ['\u0085', 'control'],
    ['x'.repeat(201), 'longer'],
    ['a\ud800', 'half'],
  ])('may not be %j', (name) => {
    expect(isClassName(name)).toBe(false);
    expect(givenClassName.safeParse(name).success).toBe(false);
  });

  it('is the same name however it was typed', () => {
    expect(givenClassName.parse('Ka\u0308tzchen ')).toBe('Kätzchen');
  });
});
