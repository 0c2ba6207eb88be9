// When to kill: each aim brings a device to a kind of moment and resolves somewhere within it. `phaseOf` says in which one a device really is.
import { pause } from './daemon.mjs';

/** How often each is aimed at. */
export const aims = { start: 15, collect: 17, train: 8, activate: 22, deploy: 18, reembed: 12, rest: 8 };

const reembeds = 'samples with captures are embedded again';
const reembedded = 'samples were embedded again';
/** Two looks at a file that agree, so long apart. */
const settleMs = 1000;

export const bringTo = {
  collect: async ({ dice, wishes }) => {
    await wishes.drop(2 + dice.whole(5), dice.chance(0.5));
    await pause(settleMs + dice.between(0, 250));
  },
  train: async ({ dice, wishes, tally }) => {
    if (dice.chance(0.6)) await wishes.rollback('base');
    void wishes.train();
    await pause(dice.between(0, 1.2 * tally.median('train', 900)));
  },
  activate: async ({ dice, wishes, device }) => {
    const list = await device.client.releases({}).catch(() => null);
    if (list !== null && list.releases.length > 1 && dice.chance(0.5)) {
      const others = list.releases.filter(({ version, health }) => version !== list.current && health !== 'failed');
      void wishes.rollback(dice.chance(0.4) || others.length === 0 ? 'base' : dice.pick(others).version);
      return pause(dice.between(0, 30));
    }
    await wishes.rollback('base');
    const before = device.releasesChangedMs();
    let isOver = false;
    void wishes.train().then(() => {
      isOver = true;
    });
    while (!isOver && device.releasesChangedMs() === before) await pause(2);
    await pause(dice.between(0, 60));
  },
  deploy: async ({ dice, wishes }, daemon) => {
    const before = daemon.said.split('"command":"deploy"').length;
    if (!wishes.deploy()) return pause(dice.between(50, 300));
    for (let waited = 0; waited < 200 && daemon.said.split('"command":"deploy"').length === before; waited += 1) await pause(10);
    await pause(dice.between(0, 250));
  },
  reembed: async ({ dice }) => pause(dice.between(0, 250)),
  rest: async ({ dice }) => pause(dice.chance(0.1) ? dice.between(4000, 15_000) : dice.between(100, 1500)),
};

/** Of a kill: what it fell into, by what was said and asked. */
export function phaseOf({ wishes, ledger, device }, daemon) {
  if (!daemon.said.includes('"msg":"ready"')) return 'start';
  const times = (text) => daemon.said.split(text).length;
  if (times(reembeds) > times(reembedded)) return 'reembed';
  if (isDeploying(daemon)) return 'deploy';
  if (wishes.isOpen('rollback')) return 'activate';
  if (wishes.isOpen('train')) return device.releasesChangedMs() > wishes.openSinceMs('train') ? 'activate' : 'train';
  if (daemon.trainer() !== undefined) return 'train';
  return ledger.waiting().length > 0 ? 'collect' : 'rest';
}

/** Begun, and no other long command or release after it: those follow one another. */
function isDeploying({ said }) {
  const begun = said.lastIndexOf('"command":"deploy"');
  if (begun < 0) return false;
  const after = said.slice(begun + 1);
  return !/"command":"(train|rollback|forget|deploy)"|another release predicts|a command failed|command refused/.test(after);
}
