import { describe, expect, it, onTestFinished } from 'vitest';
import { type BrokerMessage, startBroker } from '../../agent/demo/broker.ts';
import { createConversation } from '../../agent/demo/conversation.ts';
import { subscribe } from '../uplink/subscriber.ts';

const never = new AbortController().signal;

async function started() {
  const broker = await startBroker();
  onTestFinished(() => broker.close());
  const messages: BrokerMessage[] = [];
  broker.onMessage((message) => messages.push(message));
  const device = await subscribe(broker.url, 'whetstone/demo/cmd/#', { protocolVersion: 4 });
  onTestFinished(() => device.close());
  return { broker, device, messages };
}

describe('the broker and the conversation of the demo', () => {
  it('hears what clients publish, and sends them commands', async () => {
    const { broker, device, messages } = await started();
    const { command } = createConversation(broker, 'demo', never);
    const answer = command('label', { sample: 's', label: '1' });
    await device.until((all) => all.length === 1, 'the command');
    expect(device.received[0]).toMatchObject({ topic: 'whetstone/demo/cmd/label/demo-1' });
    expect(JSON.parse(device.received[0]!.payload.toString())).toEqual({ sample: 's', label: '1' });
    await device.send('whetstone/demo/result/label/demo-1', JSON.stringify({ ok: true, labelled: 1, unknown: [] }));
    expect(await answer).toMatchObject({ labelled: 1 });
    expect(messages.map(({ topic }) => topic)).toEqual(['whetstone/demo/result/label/demo-1']);
    const refused = expect(command('label', {})).rejects.toThrow('malformed');
    await device.until((all) => all.length === 2, 'the next command');
    await device.send('whetstone/demo/result/label/demo-2', JSON.stringify({ ok: false, error: { code: 'malformed' } }));
    await refused;
  });

  it('takes the prediction that follows a word, and stops waiting when it is told to', async () => {
    const { broker, device } = await started();
    const stop = new AbortController();
    const { hear, until } = createConversation(broker, 'demo', stop.signal);
    const prediction = {
      timeMs: 1,
      source: 'microphone',
      sample: 's1',
      kind: 'classes',
      label: '7',
      confidence: 0.9,
      release: 'base',
      latencyMs: 2,
    };
    const say = async () => {
      await device.send('whetstone/demo/prediction', JSON.stringify(prediction));
    };
    expect(await hear(say)).toEqual({ understood: '7', confidence: 0.9, sample: 's1', release: 'base', latencyMs: 2 });
    await expect(until('report', () => true, 50)).rejects.toMatchObject({ code: 'daemon-unreachable' });
    const waiting = expect(until('report', () => true, 60_000)).rejects.toThrow('enough');
    stop.abort(new Error('enough'));
    await waiting;
    await expect(until('report', () => true, 60_000)).rejects.toThrow('enough');
  });
});
