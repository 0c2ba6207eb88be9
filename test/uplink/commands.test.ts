// Commands over a real broker: each is answered exactly once, whatever is sent, however often, and whenever the device is killed.
import { describe, expect, it } from 'vitest';
import { maxMessageBytes } from '../../agent/contract/topics.ts';
import { WhetError } from '../../agent/errors.ts';
import { mosquittoMissing, needsMosquitto } from '../broker.ts';
import { createTestDevice, eventually, type TestDevice } from './device.ts';
import { everySecond, startProxy } from './dropping-proxy.ts';
import { createMemoryStore } from './memory-store.ts';
import { closeLater, openBroker } from './opened.ts';
import { type Subscriber, subscribe } from './subscriber.ts';

function device(...args: Parameters<typeof createTestDevice>): TestDevice {
  const created = createTestDevice(...args);
  closeLater(() => created.uplink.stop());
  created.start();
  return created;
}

const at = (rest: string) => `whetstone/pi-1/${rest}`;

async function dashboard(url: string): Promise<Subscriber> {
  const subscriber = await subscribe(url, at('result/#'));
  closeLater(subscriber.close);
  return subscriber;
}

const answers = (from: Subscriber, rest: string) => from.texts(at(`result/${rest}`)).map((text) => JSON.parse(text));
const answered = (from: Subscriber, rest: string) => from.until(() => answers(from, rest).length > 0, `result/${rest}`);
const connected = (one: TestDevice) => eventually(() => one.uplink.counters.connected, 'a connection');
/** Long enough for a second answer to arrive, if there were one. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 150));

describe.skipIf(mosquittoMissing)(`commands${needsMosquitto}`, () => {
  it('are run with their payload and answered', async () => {
    const { url } = await openBroker();
    const one = device({ url });
    await connected(one);
    const board = await dashboard(url);
    await board.send(at('cmd/label/l-1'), JSON.stringify({ sample: 's1', label: 'cat' }));
    await board.send(at('cmd/pause/p-1'), '');
    await answered(board, 'pause/p-1');
    expect(answers(board, 'label/l-1')).toEqual([{ timeMs: expect.any(Number), ok: true, labelled: 1, unknown: [] }]);
    expect(one.calls).toEqual([
      { type: 'label', payload: { sample: 's1', label: 'cat' }, again: false },
      { type: 'pause', payload: {}, again: false },
    ]);
  });

  it.each([
    ['label', Buffer.from('{not json'), 'malformed'],
    ['label', Buffer.from([0xff, 0xfe, 0x7b]), 'malformed'],
    ['label', Buffer.from('[]'), 'malformed'],
    ['label', Buffer.from('{"__proto__":{"sample":"s"},"label":"x"}'), 'malformed'],
    ['forget', Buffer.from('{}'), 'malformed'],
    ['reboot', Buffer.from('{}'), 'unknown-command'],
    ['constructor', Buffer.from('{}'), 'unknown-command'],
    ['label', Buffer.alloc(maxMessageBytes + 1, 0x20), 'too-large'],
    ['label', Buffer.alloc(900_000, 0x20), 'too-large'],
  ])('of type %s with a bad payload are answered once with an error (%#)', async (type, payload, code) => {
    const { url } = await openBroker();
    const one = device({ url });
    await connected(one);
    const board = await dashboard(url);
    for (let times = 0; times < 2; times += 1) await board.send(at(`cmd/${type}/bad`), payload);
    await answered(board, `${type}/bad`);
    await settle();
    expect(answers(board, `${type}/bad`)).toEqual([
      { timeMs: expect.any(Number), ok: false, error: { code, message: expect.stringMatching(/.{10}/) } },
    ]);
    expect(one.calls).toEqual([]);
  });

  it('that cannot be addressed are counted, not answered, and do no harm', async () => {
    const { url } = await openBroker();
    const one = device({ url });
    await connected(one);
    const board = await dashboard(url);
    await board.send(at(`cmd/label/${'x'.repeat(300)}`), '{}');
    await board.send(at('cmd/pa use/1'), '{}');
    await board.send(at('cmd/pause/ok'), '{}');
    await answered(board, 'pause/ok');
    expect(one.uplink.counters.ignored).toBe(2);
    expect(board.received).toHaveLength(1);
  });

  it('are run and answered once when they are sent again, also after a restart', async () => {
    const { url } = await openBroker();
    const store = createMemoryStore();
    const first = device({ url }, { store });
    await connected(first);
    const board = await dashboard(url);
    for (let times = 0; times < 3; times += 1) await board.send(at('cmd/train/t-1'), '{}');
    await answered(board, 'train/t-1');
    await first.uplink.stop();
    const second = device({ url }, { store });
    await connected(second);
    await board.send(at('cmd/train/t-1'), '{}');
    await settle();
    expect(answers(board, 'train/t-1')).toHaveLength(1);
    expect([first.calls.length, second.calls.length]).toEqual([1, 0]);
  });

  it('that were sent while the device was away arrive when it is back', async () => {
    const { url } = await openBroker();
    const store = createMemoryStore();
    const first = device({ url }, { store });
    await connected(first);
    // The subscription is what the broker remembers; an answer proves that it has it.
    const board = await dashboard(url);
    await board.send(at('cmd/pause/before'), '{}');
    await answered(board, 'pause/before');
    await first.uplink.stop();
    await board.send(at('cmd/resume/while-away'), '{}');
    device({ url }, { store });
    await answered(board, 'resume/while-away');
  });

  it('that a stop interrupted run again at the next start, or are answered where that is not safe', async () => {
    const { url } = await openBroker();
    const store = createMemoryStore();
    const stuck = async (_: unknown, { signal }: { readonly signal: AbortSignal }) =>
      new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopping'))));
    const first = device({ url }, { store, handlers: { train: stuck } });
    await connected(first);
    const board = await dashboard(url);
    await board.send(at('cmd/train/t-1'), '{}');
    await board.send(at('cmd/rollback/r-1'), '{}');
    await board.send(at('cmd/rollback/r-2'), '{"version":"000001-abcdef01"}');
    await eventually(() => store.commandLog.unfinished().length === 3, 'three recorded commands');
    await first.uplink.stop();
    expect(store.commandLog.unfinished()).toHaveLength(3);
    const second = device({ url }, { store });
    await answered(board, 'rollback/r-2');
    expect(answers(board, 'train/t-1')).toMatchObject([{ ok: true }]);
    expect(answers(board, 'rollback/r-1')).toMatchObject([{ ok: false, error: { code: 'interrupted' } }]);
    expect(answers(board, 'rollback/r-2')).toMatchObject([{ ok: true }]);
    expect(second.calls.map((call) => [call.type, call.again])).toEqual([
      ['train', true],
      ['rollback', true],
    ]);
  });

  it('of the quick kind never wait behind a long one, and a long one waits for the one before', async () => {
    const { url } = await openBroker();
    let end: () => void = () => undefined;
    const long = new Promise<void>((resolve) => {
      end = resolve;
    });
    const train = async () => {
      await long;
      return { run: 'r', verdict: { kind: 'waiting', reason: 'few' }, release: null } as const;
    };
    const one = device({ url }, { handlers: { train } });
    await connected(one);
    const board = await dashboard(url);
    await board.send(at('cmd/train/t-1'), '{}');
    await board.send(at('cmd/rollback/r-1'), '{}');
    for (const type of ['pause', 'label', 'snapshot']) {
      await board.send(at(`cmd/${type}/q`), type === 'label' ? '{"sample":"s1","label":"a"}' : '{}');
      await answered(board, `${type}/q`);
    }
    expect(answers(board, 'train/t-1').length + answers(board, 'rollback/r-1').length).toBe(0);
    end();
    await answered(board, 'rollback/r-1');
    expect(board.received.map(({ topic }) => topic.split('/').slice(-2).join('/')).slice(-2)).toEqual(['train/t-1', 'rollback/r-1']);
  });

  it('on a full disk are answered at once, without a new connection', async () => {
    const { url } = await openBroker();
    const store = createMemoryStore();
    store.commandLog.accept = () => {
      throw new WhetError('disk-full', 'no space left');
    };
    const one = device({ url }, { store });
    await connected(one);
    const board = await dashboard(url);
    await board.send(at('cmd/pause/p-1'), '{}');
    await answered(board, 'pause/p-1');
    expect(answers(board, 'pause/p-1')).toMatchObject([{ ok: false, error: { code: 'disk-full' } }]);
    expect(one.uplink.counters.reconnects).toBe(0);
  });

  it('are not acknowledged where they cannot be recorded, and come again', async () => {
    const { url } = await openBroker();
    const store = createMemoryStore();
    let broken = 2;
    const accept = store.commandLog.accept.bind(store.commandLog);
    store.commandLog.accept = (command) => {
      broken -= 1;
      if (broken >= 0) throw new Error('disk full');
      return accept(command);
    };
    const one = device({ url }, { store });
    await connected(one);
    const board = await dashboard(url);
    await board.send(at('cmd/pause/p-1'), '{}');
    await answered(board, 'pause/p-1');
    expect(one.calls).toHaveLength(1);
    expect(one.uplink.counters.reconnects).toBeGreaterThanOrEqual(1);
  });

  it('are answered at once where too many wait, and may be sent again', async () => {
    const { url } = await openBroker();
    const store = createMemoryStore();
    let full = true;
    const accept = store.commandLog.accept.bind(store.commandLog);
    store.commandLog.accept = (command) => {
      if (full) throw new WhetError('commands-full', '1000 others wait');
      return accept(command);
    };
    const one = device({ url }, { store });
    await connected(one);
    const board = await dashboard(url);
    await board.send(at('cmd/pause/p-1'), '{}');
    await answered(board, 'pause/p-1');
    full = false;
    await board.send(at('cmd/pause/p-1'), '{}');
    await board.until(() => answers(board, 'pause/p-1').length === 2, 'the second answer');
    expect(answers(board, 'pause/p-1')).toMatchObject([{ ok: false, error: { code: 'commands-full' } }, { ok: true }]);
    expect(one.uplink.counters.reconnects).toBe(0);
  });

  it('are answered once where every second acknowledgement to the broker is lost', async () => {
    const { url, port } = await openBroker();
    const proxy = await startProxy(port, everySecond('puback', 'client'));
    closeLater(proxy.close);
    const one = device({ url: `mqtt://localhost:${proxy.port}` });
    await connected(one);
    const board = await dashboard(url);
    for (let number = 0; number < 6; number += 1) await board.send(at(`cmd/pause/p-${number}`), '{}');
    await answered(board, 'pause/p-5');
    // An answer whose acknowledgement the cut takes away would rightly come twice; here the commands are to come twice.
    await eventually(() => one.uplink.counters.waiting === 0, 'acknowledged answers');
    proxy.cut();
    await eventually(() => one.uplink.counters.reconnects > 0 && one.uplink.counters.connected, 'a new connection');
    await settle();
    for (let number = 0; number < 6; number += 1) expect(answers(board, `pause/p-${number}`)).toHaveLength(1);
    expect(one.calls).toHaveLength(6);
  });

  it('that are retained are refused: they would run on every device that takes this name', async () => {
    const { url } = await openBroker();
    const board = await dashboard(url);
    await board.send(at('cmd/rollback/old'), '{}', true);
    const one = device({ url });
    await answered(board, 'rollback/old');
    expect(answers(board, 'rollback/old')).toMatchObject([{ ok: false, error: { code: 'retained' } }]);
    expect(one.calls).toEqual([]);
  });

  it('that fail say why: a registered error by its code, a bug as internal, a result off the contract too', async () => {
    const { url } = await openBroker();
    const one = device(
      { url },
      {
        handlers: {
          rollback: async () => {
            throw new WhetError('usage', 'no such release', { hint: 'See `whet models`.' });
          },
          train: async () => {
            throw new TypeError('x is undefined');
          },
          snapshot: async () => ({ version: 'v', chunks: 1.5 }),
        },
      },
    );
    await connected(one);
    const board = await dashboard(url);
    for (const type of ['rollback', 'train', 'snapshot']) await board.send(at(`cmd/${type}/f`), '{}');
    await answered(board, 'snapshot/f');
    const error = (type: string) => answers(board, `${type}/f`)[0].error;
    expect(error('rollback')).toEqual({ code: 'usage', message: 'no such release See `whet models`.' });
    expect(error('train')).toEqual({ code: 'internal', message: 'x is undefined' });
    expect(error('snapshot').code).toBe('internal');
  });
});
