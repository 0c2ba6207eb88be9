// The real store under a device process that is killed again and again: the outbox while it drains, commands while they run.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { mosquittoMissing, needsMosquitto } from '../broker.ts';
import { createHold, type Hold } from '../hold.ts';
import { closeLater, openBroker } from './opened.ts';
import { type Subscriber, subscribe } from './subscriber.ts';

interface Setting {
  readonly watcher: Subscriber;
  readonly hold: Hold;
  start(count: number): ChildProcess;
}

async function setUp(filter: string): Promise<Setting> {
  const broker = await openBroker();
  const folder = mkdtempSync(join(tmpdir(), 'whet-durable-'));
  const watcher = await subscribe(broker.url, filter);
  closeLater(() => rmSync(folder, { recursive: true, force: true }), watcher.close);
  const script = fileURLToPath(new URL('./durable-device.ts', import.meta.url));
  const hold = createHold(join(folder, 'hold'));
  return {
    watcher,
    hold,
    start(count) {
      const args = [script, broker.url, join(folder, 'whet.db'), String(count)];
      const child = spawn(process.execPath, args, { env: hold.env, stdio: 'ignore' });
      closeLater(() => child.kill('SIGKILL'));
      return child;
    },
  };
}

/** Ends the process where it stands, at the moment that was set. */
async function killHeld(hold: Hold, child: ChildProcess): Promise<void> {
  expect((await hold.held(once(child, 'exit'))).pid).toBe(child.pid);
  await end(child, 'SIGKILL');
  hold.clear();
}

async function end(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<unknown> {
  child.kill(signal);
  const [code] = await once(child, 'exit');
  return code;
}

describe.skipIf(mosquittoMissing)(`a device with its real store${needsMosquitto}`, () => {
  it('loses nothing and keeps the order of every topic over kill -9 in the middle of the drain', async () => {
    const count = 3000;
    const { watcher, hold, start } = await setUp('whetstone/durable/t/#');
    const distinct = () => new Set(watcher.received.map((message) => message.payload.toString())).size;
    // Each acknowledgement of the broker crosses one message off. Before and after that one is crossed off for good, and in between.
    const crossedOff = ['before DELETE FROM outbox WHERE id', 'before COMMIT', 'after DELETE FROM outbox WHERE id'];
    for (const [life, match] of crossedOff.entries()) {
      hold.at({ match: 'after DELETE FROM outbox WHERE id', times: 100 + 150 * life }, { match });
      await killHeld(hold, start(count));
    }
    // 100, 250 and 400 and a few in flight.
    expect(distinct()).toBeGreaterThanOrEqual(750);
    expect(distinct()).toBeLessThan(count);
    const last = start(count);
    await watcher.until(() => distinct() === count, 'all messages');
    expect(await end(last, 'SIGTERM')).toBe(0);
    // At most the unacknowledged ones of each killed process come twice: one a topic.
    expect(watcher.received.length - count).toBeLessThanOrEqual(3 * 10);
    for (let topic = 0; topic < 10; topic += 1) {
      const numbers = watcher.texts(`whetstone/durable/t/${topic}`).map((text) => JSON.parse(text).number as number);
      const unrepeated = numbers.filter((number, index) => number !== numbers[index - 1]);
      expect(unrepeated).toEqual(Array.from({ length: count / 10 }, (_, index) => index * 10 + topic));
    }
  });

  it('answers each command once over kill -9 while commands arrive and run', async () => {
    const { watcher, hold, start } = await setUp('whetstone/durable/#');
    const answers = () => watcher.received.filter((message) => message.topic.startsWith('whetstone/durable/result/'));
    const answered = () => new Set(answers().map((message) => message.topic)).size;
    const count = 40;
    // A command can only wait for a device that the broker has seen once.
    const first = start(0);
    await watcher.send('whetstone/durable/cmd/train/0', '{}');
    await watcher.until(() => watcher.texts('whetstone/durable/status').includes('online'), 'online');
    await watcher.send('whetstone/durable/cmd/train/0', '{}');
    await watcher.until(() => answered() === 1, 'the first answer');
    const answer = 'before UPDATE commands SET done_ms';
    // The first is held while commands arrive; the broker keeps what it had not taken.
    hold.at({ match: 'after INSERT INTO commands', times: 5 }, { match: 'after COMMIT' });
    for (let number = 1; number < count; number += 1) await watcher.send(`whetstone/durable/cmd/train/${number}`, '{}');
    await killHeld(hold, first);
    // Run and not answered; answered and not for good; answered for good and not sent.
    for (const last of ['before COMMIT', 'after COMMIT']) {
      hold.at({ match: answer, times: 5 }, { match: last });
      await killHeld(hold, start(0));
    }
    hold.at({ match: answer, times: 3 });
    await killHeld(hold, start(0));
    expect(answered()).toBeLessThan(count);
    const last = start(0);
    await watcher.until(() => answered() === count, 'all answers');
    expect(await end(last, 'SIGTERM')).toBe(0);
    const byTopic = Map.groupBy(answers(), (message) => message.topic);
    for (const [topic, same] of byTopic) {
      // A repetition is the same message again, unacknowledged when the process died: never a second answer.
      expect(new Set(same.map((message) => message.payload.toString())).size, topic).toBe(1);
    }
    expect(answers().length - count).toBeLessThanOrEqual(4 * 16);
  });
});
