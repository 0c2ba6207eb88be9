import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Report } from '../../agent/contract/payloads.ts';
import { addressOf, chunkTopic, encodeJson, maxTopicLevels, parseCommandTopic, topicOf, topics } from '../../agent/contract/topics.ts';
import { type PublishedModel, publishedModel } from '../../agent/contract/weights.ts';
import { WhetError } from '../../agent/errors.ts';
import { operations as commands } from '../../agent/operations/table.ts';
import type { ReleaseManifest, TrainingReport } from '../../agent/types.ts';

describe('topics', () => {
  it('stay within seven levels, under the deepest root too', () => {
    const address = addressOf('a/b/c', 'pi-1');
    const deepest = [...Object.values(topics).map((spec) => spec.topic), chunkTopic('v', 1), 'cmd/label/1', 'result/label/1'];
    for (const topic of deepest) expect(topicOf(address, topic).split('/').length).toBeLessThanOrEqual(maxTopicLevels);
  });

  it.each([
    ['whetstone', ''],
    ['whetstone', 'a/b'],
    ['whetstone', '+'],
    ['whetstone', 'pi 1'],
    ['whetstone', 'a'.repeat(65)],
    ['a/b/c/d', 'pi'],
    ['/a', 'pi'],
    ['a/', 'pi'],
    ['#', 'pi'],
    ['$SYS', 'pi'],
  ])('refuses root %j with device %j', (root, device) => {
    expect(() => addressOf(root, device)).toThrow(WhetError);
  });

  it('reads a command topic back, and nothing else', () => {
    const address = addressOf('fleet/hall', 'pi-1');
    const level = fc.stringMatching(/^[A-Za-z0-9_.:-]{1,64}$/);
    fc.assert(
      fc.property(level, level, (type, id) => {
        expect(parseCommandTopic(address, topicOf(address, `cmd/${type}/${id}`))).toEqual({ type, id });
      }),
    );
    const others = ['cmd/label', 'cmd/label/1/2', 'cmd//1', 'cmd/label/', 'cmd/la bel/1', `cmd/label/${'x'.repeat(65)}`, 'result/label/1'];
    for (const topic of others) expect(parseCommandTopic(address, topicOf(address, topic))).toBeNull();
    expect(parseCommandTopic(address, 'fleet/hall/pi-2/cmd/label/1')).toBeNull();
  });

  it('refuses a payload that breaks its schema and names the field', () => {
    const content = topics.prediction.content;
    const prediction = {
      timeMs: 1,
      source: 'door',
      sample: null,
      kind: 'classes',
      label: 'cat',
      confidence: Number.NaN,
      release: 'base',
      latencyMs: 3,
    };
    expect(() => encodeJson('prediction', content.schema, prediction)).toThrow(/confidence/);
  });

  it('carry every field of a training report', () => {
    // Types only: a field that the report gains must be published too, or be left out here by name.
    const carries = (report: TrainingReport): Omit<Report, 'timeMs'> => report;
    const complete = (report: Report): TrainingReport => report;
    expect([carries, complete]).toHaveLength(2);
  });

  it('carry a release without its master weights', () => {
    const published: PublishedModel = publishedModel(release);
    expect(published).not.toHaveProperty('master');
    expect(encodeJson('model', topics.model.content.schema, { timeMs: 1, ...published, delta: null })).toBeInstanceOf(Uint8Array);
  });
});

describe('commands', () => {
  it.each([
    ['label', { sample: 's1', label: 'cat' }, true],
    ['label', { sample: 's1', label: null }, true],
    ['label', { samples: [{ sample: 's1', label: 'cat' }] }, true],
    ['label', { samples: [] }, false],
    ['label', { sample: 's1' }, false],
    ['label', { sample: 's1', label: 'cat', extra: 1 }, false],
    ['train', {}, true],
    ['train', { reason: 'x'.repeat(201) }, false],
    ['pause', { now: true }, false],
    ['rollback', { version: '000001-abcdef01' }, true],
    ['rollback', { version: '../../etc' }, false],
    ['forget', {}, false],
    ['forget', { before: '2026-11-24T08:00:00Z' }, true],
    ['forget', { before: 'yesterday' }, false],
    ['deploy', { from: 'pi-2', version: '000001-abcdef01' }, true],
    ['deploy', { from: 'pi/2', version: '000001-abcdef01' }, false],
  ] as const)('%s %j valid: %s', (type, payload, valid) => {
    expect(commands[type].arguments.safeParse(payload).success).toBe(valid);
  });

  it('say that only an unnamed rollback may not run twice', () => {
    expect(commands.rollback.rerunnable({})).toBe(false);
    expect(commands.rollback.rerunnable({ version: '000001-abcdef01' })).toBe(true);
  });
});

const hash = 'a'.repeat(64);
const release: ReleaseManifest = {
  version: '000001-abcdef01',
  createdAtMs: 1,
  base: { name: 'm', sha256: hash, backbone: hash, cut: '472' },
  artifact: { file: 'model.onnx', bytes: 10, sha256: hash },
  delta: { file: 'delta.safetensors', bytes: 5, sha256: hash },
  master: { file: 'master.safetensors', bytes: 5, sha256: hash },
  classes: ['cat', 'dog'],
  learner: 'closed-form',
  origin: 'training',
  run: null,
  scores: { before: null, after: { value: 0.9, samples: 10, low: 0.6, high: 0.98 } },
};
