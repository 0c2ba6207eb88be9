// A process with an uplink on the real store, to be killed by a test: `node durable-device.ts URL STORE COUNT`. The first start fills the
// outbox with COUNT messages on ten topics; later ones go on with what is left. SIGTERM ends it.
import { machineClock } from '../../agent/clock.ts';
import { openStore } from '../../agent/store/store.ts';
import type { CommandContext } from '../../agent/uplink/commands.ts';
import { createTestDevice } from './device.ts';

const [url = '', path = '', count = '0'] = process.argv.slice(2);
const megabytes = 1024 * 1024;
const store = openStore(path, {
  samples: { maxUnlabelled: 10, maxBytes: megabytes, maxRawBytes: megabytes },
  outbox: { maxBytes: 64 * megabytes, maxAgeMs: 3_600_000 },
  clock: machineClock,
});
if (store.settings.get('filled') === undefined) {
  store.transaction(() => {
    for (let number = 0; number < Number(count); number += 1) {
      const payload = Buffer.from(JSON.stringify({ number }));
      store.outbox.enqueue({ topic: `t/${number % 10}`, payload, retain: false, timeMs: Date.now(), replaceKey: null, priority: 'high' });
    }
    store.settings.set('filled', 'yes');
  });
}
const { uplink, start } = createTestDevice(
  { url, device: 'durable', messagesPerSecond: 1000 },
  {
    store: { outbox: store.outbox, commandLog: store.commands },
    handlers: {
      // Long enough to be killed in the middle.
      train: async (_args: unknown, { id }: CommandContext) => {
        await new Promise((resolve) => setTimeout(resolve, 10));
        return { run: id, verdict: { kind: 'waiting', reason: 'too few labels' }, release: null };
      },
    },
  },
);
start();
process.once('SIGTERM', () => void uplink.stop().then(() => store.close()));
