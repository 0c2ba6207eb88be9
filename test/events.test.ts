import { describe, expect, it } from 'vitest';
import { createEvents } from '../agent/events.ts';
import { rememberingLog } from './uplink/device.ts';

describe('events', () => {
  it('reach every listener in order; one that fails is its own trouble', () => {
    const { log, lines } = rememberingLog();
    const events = createEvents(log);
    const heard: string[] = [];
    events.on(({ kind }) => heard.push(`first ${kind}`));
    events.on(() => {
      throw new Error('broken');
    });
    events.on(({ kind }) => heard.push(`last ${kind}`));
    events.emit({ kind: 'labelled' });
    expect(heard).toEqual(['first labelled', 'last labelled']);
    expect(lines.map(({ text }) => text).join()).toContain('broken');
  });

  it('that must be kept fail with the one who says them', () => {
    const events = createEvents(rememberingLog().log);
    events.on(
      () => {
        throw new Error('disk full');
      },
      { durable: true },
    );
    expect(() => events.emit({ kind: 'released', version: 'base' })).toThrow('disk full');
  });
});
