// What comes over MQTT and the control socket: payloads, topics, arguments, the ids of samples.
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, toKeep } from '../../agent/contract/command-check.ts';
import { addressOf, parseChunkTopic, parseCommandTopic } from '../../agent/contract/topics.ts';
import { openDevice } from '../../agent/open-device.ts';
import { operations } from '../../agent/operations/table.ts';
import { idOfRow, rowOfId } from '../../agent/store/sample-id.ts';
import { mutateText, mutateValue, oddTexts, oddValue } from './mutate.mjs';

const sha256 = 'ab'.repeat(32);
const sample = '0SB914S82SK';
const good = {
  status: {},
  label: { sample, label: 'disc' },
  train: { reason: 'asked' },
  rollback: { version: 'base' },
  releases: {},
  questions: { limit: 5 },
  forget: { sample },
  pause: { paused: true },
  snapshot: {},
  deploy: {
    from: 'other',
    version: '000001-abcdef01',
    manifest: { version: '000001-abcdef01', classes: ['a'], base: { sha256 } },
    data: 'AAAA',
  },
};
const names = Object.keys(operations);
const argumentsOf = (dice, name) =>
  mutateValue(dice, dice.chance(0.8) ? (Object.hasOwn(good, name) ? good[name] : {}) : oddValue(dice), 0.2);

export const doors = {
  async commands() {
    const taken = { commands: operations, allowed: names };
    return {
      make(dice) {
        const type = dice.chance(0.9) ? dice.pick(names) : dice.pick(oddTexts);
        const text = JSON.stringify(argumentsOf(dice, type));
        return { type, payload: dice.chance(0.8) ? text : mutateText(dice, text), retained: dice.chance(0.1) };
      },
      async run({ type, payload, retained }) {
        const bytes = Buffer.from(payload);
        check(taken, type, bytes);
        toKeep(taken, type, { payload: bytes, retained, topic: `cmd/${type}/1` });
        if (Object.keys(Object.prototype).length > 0) throw new Error('a payload changed what every object has');
      },
    };
  },
  async topics() {
    const address = addressOf('whetstone', 'door');
    const texts = ['whetstone/door/cmd/label/1', 'whetstone/door/model/000001-abcdef01/12', 'model/1/2', 'whetstone/door/cmd/+/#'];
    return {
      make: (dice) => [mutateText(dice, dice.pick(texts).replaceAll('/', ' / ')).replaceAll(' / ', '/'), dice.pick(oddTexts)],
      async run([topic, device]) {
        const command = parseCommandTopic(address, topic);
        if (command !== null && /[^A-Za-z0-9_.:-]/.test(command.type + command.id)) throw new Error(`'${topic}' is taken`);
        parseChunkTopic(topic);
        addressOf('whetstone', device);
      },
    };
  },
  /** A device's store and releases, as the command line opens them while no daemon runs. */
  async 'control-arguments'(folder) {
    const home = join(folder, 'device');
    mkdirSync(join(home, 'inbox'), { recursive: true });
    const shipped = fileURLToPath(new URL('../../models/objects/', import.meta.url));
    for (const name of ['model.onnx', 'model.json']) copyFileSync(join(shipped, name), join(home, name));
    const file = join(home, 'whetstone.yaml');
    writeFileSync(file, 'device: fuzzed\nmodel: model.onnx\nstate: state\nruntimeDir: run\nsources: []\n');
    const device = await openDevice(file);
    // A training is a process of its own, and its arguments are a sentence.
    const called = names.filter((name) => name !== 'train');
    return {
      make(dice) {
        const name = dice.pick(called);
        return { name, args: argumentsOf(dice, name) };
      },
      run: async ({ name, args }) => void (await device[name](args)),
      close: () => device[Symbol.asyncDispose](),
    };
  },
  async 'sample-ids'() {
    return {
      make: (dice) =>
        dice.chance(0.5)
          ? mutateText(dice, sample)
          : Array.from({ length: sample.length }, () => dice.pick([...'0123456789ABCDEFGHJKMNPQRSTVWXYZilouß'])).join(''),
      async run(id) {
        const row = rowOfId(id);
        if (row !== null && idOfRow(row) !== id.toUpperCase()) throw new Error(`'${id}' is row ${row}, whose id is '${idOfRow(row)}'`);
      },
    };
  },
};
