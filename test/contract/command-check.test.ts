import { describe, expect, it } from 'vitest';
import { check, kept, toKeep } from '../../agent/contract/command-check.ts';
import { maxMessageBytes } from '../../agent/contract/topics.ts';
import { operations } from '../../agent/operations/table.ts';

const taken = { commands: operations, allowed: ['label', 'pause', 'train'] };

describe('what is recorded of a command', () => {
  const incoming = (payload: Uint8Array, retained = false) => ({ topic: 't', payload, retained });

  it.each([
    ['an oversized payload', incoming(Buffer.alloc(900_000, 0x20)), 'too-large'],
    ['a payload that looks like a refusal', incoming(Buffer.from('\0refused {"ok":true}')), 'malformed'],
    ['a retained one', incoming(Buffer.from('{}'), true), 'retained'],
  ])('of %s is only why it is refused', (_, message, code) => {
    const recorded = toKeep(taken, 'label', message);
    expect(recorded.byteLength).toBeLessThan(500);
    expect(kept(taken, 'label', recorded)).toMatchObject({ kind: 'refused', failure: { error: { code } } });
  });

  it('of a good one is what was sent', () => {
    const payload = Buffer.from('{"sample":"s1","label":"a"}');
    expect(toKeep(taken, 'label', incoming(payload))).toBe(payload);
  });
});

describe('check', () => {
  it('takes an empty payload for an empty object', () => {
    expect(check(taken, 'pause', new Uint8Array())).toEqual({ kind: 'valid', args: {} });
  });

  it('takes a command of exactly the largest size', () => {
    const text = '{"reason":"now"}';
    const payload = Buffer.from(text + ' '.repeat(maxMessageBytes - text.length));
    expect(check(taken, 'train', payload).kind).toBe('valid');
    expect(check(taken, 'train', Buffer.concat([payload, Buffer.from(' ')])).kind).toBe('refused');
  });

  it('refuses what the configuration does not take, and says where it is named', () => {
    const refused = check(taken, 'forget', Buffer.from('{"all":true}'));
    expect(refused).toMatchObject({ failure: { error: { code: 'not-allowed', message: expect.stringContaining('mqtt.commands') } } });
  });
});
