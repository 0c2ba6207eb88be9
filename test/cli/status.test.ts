// What `whet status` says in words is so.
import { expect, it } from 'vitest';
import { formatStatus } from '../../agent/cli/status.ts';
import type { DeviceStatus } from '../../agent/operations/status.ts';

const status: DeviceStatus = {
  device: 'door',
  running: false,
  upSeconds: null,
  model: { name: 'm', file: 'm.onnx', classes: ['a', 'b'] },
  release: 'base',
  samples: { total: 0, labelled: 0, byClass: {}, setAside: 0, bytes: 0 },
  questions: 0,
  training: { paused: false, running: false, decision: null, newLabels: 3, last: null },
  sources: [],
  mqtt: null,
  mqttConfigured: true,
};
const line = (start: string, some: DeviceStatus) =>
  formatStatus(some)
    .split('\n')
    .find((text) => text.startsWith(start));

it('a broker in the configuration is not denied while no daemon runs', () => {
  expect(line('mqtt', status)).toBe('mqtt      configured; no daemon runs that would connect');
  expect(line('mqtt', { ...status, mqttConfigured: false })).toBe('mqtt      not configured');
});

it('new labels are counted once', () => {
  const saying = (decision: string | null, paused = false) =>
    line('training', { ...status, training: { ...status.training, decision, paused } });
  expect(saying('3 of 10 new labels')).toBe('training  3 of 10 new labels');
  expect(saying('a training run is under way')).toBe('training  a training run is under way, 3 new labels');
  expect(saying('training is paused', true)).toBe('training  training is paused, 3 new labels');
  expect(saying(null, true)).toBe('training  no daemon decides (paused), 3 new labels');
});
