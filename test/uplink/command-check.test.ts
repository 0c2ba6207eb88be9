import { describe, expect, it } from 'vitest';
import { check, kept, toKeep } from '../../agent/uplink/command-check.ts';
import { maxMessageBytes } from '../../agent/uplink/topics.ts';

describe('what is recorded of a command', () => {
  const incoming = (payload: Uint8Array, retained = false) => ({ topic: 't', payload, retained });

  it.each([
    ['an oversized payload', incoming(Buffer.alloc(900_000, 0x20)), 'too-large'],
    ['a payload that looks like a refusal', incoming(Buffer.from('\0refused {"ok":true}')), 'malformed'],
    ['a retained one', incoming(Buffer.from('{}'), true), 'retained'],
  ])('of %s is only why it is refused', (_, message, code) => {
    const recorded = toKeep('label', message);
    expect(recorded.byteLength).toBeLessThan(500);
    expect(kept('label', recorded)).toMatchObject({ kind: 'refused', failure: { error: { code } } });
  });

  it('of a good one is what was sent', () => {
    const payload = Buffer.from('{"sample":"s1","label":"a"}');
    expect(toKeep('label', incoming(payload))).toBe(payload);
  });
});

describe('check', () => {
  it('takes an empty payload for an empty object', () => {
    expect(check('pause', new Uint8Array())).toEqual({ kind: 'valid', type: 'pause', payload: {} });
  });

  it('takes a command of exactly the largest size', () => {
    const text = '{"reason":"now"}';
    const payload = Buffer.from(text + ' '.repeat(maxMessageBytes - text.length));
    expect(check('train', payload).kind).toBe('valid');
    expect(check('train', Buffer.concat([payload, Buffer.from(' ')])).kind).toBe('refused');
  });
});
