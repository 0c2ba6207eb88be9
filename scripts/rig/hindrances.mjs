// What happens to a device beside kills: it is stopped and goes on, its trainer dies, its camera hangs, its clock is set, its disk is full. Each
// takes a while; what it leaves behind is for the next life.
import { pause, signalAll } from './daemon.mjs';

const day = 86_400_000;
/** NTP steps, summer time, a dead battery, somebody who mistypes the year. */
const shifts = [() => 0, () => 3_600_000, () => -3_600_000, () => day, () => -30 * day, () => 365 * day, () => 60_000 - Date.now()];

const hindrances = {
  async stopped({ dice, tally }, daemon) {
    daemon.signal('SIGSTOP');
    tally.count('stopped');
    await pause(dice.between(50, 1200));
    // Some are killed while they stand.
    if (dice.chance(0.75)) daemon.signal('SIGCONT');
  },
  async trainer({ dice, tally }, daemon) {
    const pid = daemon.trainer();
    if (pid === undefined) return;
    signalAll([pid], 'SIGKILL');
    tally.count('trainers killed');
    await pause(dice.between(0, 300));
  },
  async camera({ device, dice, tally }) {
    const mode = dice.weighted({ good: 2, stuck: 1, ends: 1 });
    device.setCamera(mode);
    if (mode !== 'good') tally.count('cameras stuck or ended');
    await pause(dice.between(0, 600));
  },
  async clock({ device, dice, tally }) {
    device.setClock(dice.pick(shifts)());
    tally.count('clock jumps');
    await pause(dice.between(0, 300));
  },
  async disk({ device, dice, tally, wishes }) {
    if (!device.hasDisk) return;
    device.fillDisk();
    tally.count('disks filled');
    for (let wish = 0; wish < 4; wish += 1) wishes.any();
    await pause(dice.between(100, 2000));
    // Some stay full over the next start.
    if (dice.chance(0.6)) device.emptyDisk();
  },
};

const often = { none: 60, stopped: 9, trainer: 12, camera: 8, clock: 10, disk: 6 };

export async function hinder(rig, daemon) {
  const kind = rig.dice.weighted(often);
  if (kind !== 'none') await hindrances[kind](rig, daemon);
}

export function endHindrances({ device }) {
  device.emptyDisk();
  device.setCamera('good');
  device.setClock(0);
}

/** The broker goes and comes until the signal; then it is there. */
export async function flap(broker, observer, dice, tally, signal) {
  while (!signal.aborted) {
    await Promise.race([
      pause(dice.between(8000, 30_000)),
      new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true })),
    ]);
    if (signal.aborted) return;
    const by = dice.pick(['SIGTERM', 'SIGKILL']);
    await broker.stop(by);
    tally.count(`broker ${by}`);
    await pause(dice.between(0, 4000));
    await broker.start();
    // It takes a moment until everybody is back.
    await pause(1500);
    observer.askAgain();
  }
}
