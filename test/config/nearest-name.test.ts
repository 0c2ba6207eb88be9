import { describe, expect, test } from 'vitest';
import { nearestName } from '../../agent/config/nearest-name.ts';

describe('did you mean', () => {
  const known = ['rescanSeconds', 'framesPerSecond', 'keepaliveSeconds', 'model', 'mean', 'name'];
  test.each([
    ['rescan_seconds', 'rescanSeconds'],
    ['frames-per-second', 'framesPerSecond'],
    ['modle', 'model'],
    ['meen', 'mean'],
    ['keepalive', 'keepaliveSeconds'],
    ['Name', 'name'],
  ])('%s → %s', (wrong, right) => expect(nearestName(wrong, known)).toBe(right));

  test.each(['banana', 'x', 'zzzzzz'])('nothing is near %s', (wrong) => expect(nearestName(wrong, known)).toBe(null));
});
