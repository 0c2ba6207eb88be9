// What people and programs ask of a device, by socket and over MQTT, and what of it the ledger must remember. Each begins at once; what comes of it
// is heard whenever it comes, perhaps after many a start.
import { pause } from './daemon.mjs';
import { classes, picture } from './pictures.mjs';

export function createWishes({ device, ledger, dice, tally, found, observer, others }) {
  /** Calls through the socket that have not been answered: what a kill falls into. */
  const open = new Set();
  let files = 0;

  function call(name, args) {
    const entry = { name, sinceMs: Date.now() };
    open.add(entry);
    tally.count('calls');
    return device.client[name](args, { by: 'cli' }).finally(() => open.delete(entry));
  }

  function send(type, args, heard = () => undefined) {
    let first = true;
    tally.count('commands');
    observer.send(device.name, type, args, (answer) => {
      if (first) heard(answer);
      first = false;
    });
  }

  async function drop(count, isLabelled) {
    for (let index = 0; index < count; index += 1) {
      const label = dice.pick(classes);
      files += 1;
      const file = isLabelled ? `${label}/${files}.jpg` : `${label}-${files}.jpg`;
      ledger.dropped(file);
      tally.count('files');
      device.drop(file, await picture(label, dice.whole(1e9)));
    }
  }

  function chosen(most) {
    const free = ledger.free();
    const ids = new Set(Array.from({ length: Math.min(most, free.length) }, () => dice.pick(free)));
    // Mostly what it is: from labels at random nothing could be learned, and nothing would be released.
    return [...ids].map((sample) => ({
      sample,
      label: dice.chance(0.9) ? ledger.fileOf(sample).match(/^[a-z]+/)[0] : dice.pick([null, ...classes]),
    }));
  }

  function label(byMqtt) {
    const wanted = chosen(1 + dice.whole(4));
    if (wanted.length === 0) return;
    for (const one of wanted) ledger.wishLabel(one.sample, one.label);
    const settle = (answer) => {
      for (const one of wanted) {
        const isDone = answer !== null && answer.ok !== false && !answer.unknown.includes(one.sample);
        if (isDone) ledger.acknowledged(one.sample, one.label);
        else ledger.unanswered(one.sample);
        if (isDone) tally.count('labels');
      }
    };
    if (byMqtt) send('label', { samples: wanted }, settle);
    else call('label', { samples: wanted }).then(settle, () => settle(null));
  }

  function forget(byMqtt) {
    const ids = chosen(1 + dice.whole(2)).map(({ sample }) => sample);
    if (ids.length === 0) return;
    found.forgetting += 1;
    for (const id of ids) ledger.wishForget(id);
    const settle = (answer) => {
      const isDone = answer !== null && answer.ok !== false;
      found.forgetting -= 1;
      for (const id of ids) ledger.forgetAnswered(id, isDone);
      if (isDone) tally.count('forgotten', ids.length);
      // Releases that learned from them went with them.
      found.releases.length = 0;
    };
    if (byMqtt) send('forget', { samples: ids }, settle);
    else call('forget', { samples: ids }).then(settle, () => settle(null));
  }

  /** Resolves when it has ended, one way or the other. */
  function train() {
    const beganMs = performance.now();
    return call('train', { reason: 'asked for' }).then(
      ({ release }) => {
        tally.time('train', performance.now() - beganMs);
        if (release !== null && found.forgetting === 0) found.releases.push(release);
      },
      () => undefined,
    );
  }

  const rollback = (version) => call('rollback', version === undefined ? {} : { version }).catch(() => undefined);

  /** Another device's release, or an own one, inside the command or fetched from its owner; false where there is none. */
  function deploy() {
    const backbone = observer.of(device.name).model?.base.backbone;
    const owners = others().filter((name) => observer.of(name).model?.base.backbone === backbone && observer.of(name).model.delta !== null);
    const manifest = dice.pick(observer.deployable(backbone));
    if (owners.length > 0 && dice.chance(0.3)) {
      const from = dice.pick(owners);
      send('deploy', { from, version: observer.of(from).model.version });
    } else if (manifest !== undefined) send('deploy', { manifest, data: observer.weightsOf(manifest.version) });
    else return false;
    return true;
  }

  const some = {
    drop: () => drop(1 + dice.whole(4), dice.chance(0.5)),
    label: () => label(false),
    labelByMqtt: () => label(true),
    train: () => train(),
    trainByMqtt: () => send('train', { reason: 'asked for by MQTT' }),
    rollback: () => rollback(dice.chance(0.5) ? 'base' : undefined),
    rollbackByMqtt: () => send('rollback', dice.chance(0.5) ? {} : { version: 'base' }),
    forget: () => forget(false),
    forgetByMqtt: () => forget(true),
    deploy,
    pause: () => ['pause', 'resume'].map((type) => send(type, {})),
    look: () => ['status', 'questions', 'releases', 'snapshot'].map((type) => send(type, {})),
  };
  const often = {
    ...{ drop: 5, label: 4, labelByMqtt: 4, train: 1, trainByMqtt: 1.5, rollback: 0.7, rollbackByMqtt: 1 },
    ...{ forget: 0.6, forgetByMqtt: 0.6, deploy: 0.6, pause: 0.7, look: 0.8 },
  };

  return {
    ...{ drop, train, rollback, deploy },
    /** Every call has been answered, or cut off. */
    async settled() {
      while (open.size > 0) await pause(5);
    },
    isOpen: (name) => [...open].some((entry) => entry.name === name),
    /** Since when the latest of them has been open. */
    openSinceMs: (name) => Math.max(...[...open].filter((entry) => entry.name === name).map(({ sinceMs }) => sinceMs)),
    /** One of them, whichever. */
    any: () => void some[dice.weighted(often)](),
  };
}
