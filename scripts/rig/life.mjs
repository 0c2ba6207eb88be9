// One life of a device, from a start to a kill; and the last one, in which everything must come right.
import { aims, bringTo, phaseOf } from './aims.mjs';
import { check, checkUse } from './checks.mjs';
import { commandOf, pause, signalAll } from './daemon.mjs';
import { endHindrances, hinder } from './hindrances.mjs';

const readyLimitMs = 90_000;
/** A trainer whose daemon was killed notices by itself. */
const orphanLimitMs = 15_000;

export async function live(rig) {
  const { device, dice, tally, wishes } = rig;
  const aim = dice.weighted(aims);
  if (aim === 'reembed') {
    device.changeBase();
    tally.count('base models changed');
  }
  const daemon = device.start();
  tally.count('starts');
  if (aim === 'start') {
    await pause(dice.between(20, 1.05 * tally.median('ready', 1500)));
    return end(rig, daemon);
  }
  if (!(await becomesReady(rig, daemon))) return end(rig, daemon);
  // What is embedded again is over soon.
  if (aim === 'reembed' && dice.chance(0.7)) {
    await bringTo.reembed(rig, daemon);
    return end(rig, daemon);
  }
  await check(rig, daemon, true);
  for (let wish = dice.whole(4); wish > 0; wish -= 1) wishes.any();
  await Promise.race([bringTo[aim](rig, daemon), daemon.ended]);
  checkUse(rig, daemon);
  await Promise.race([hinder(rig, daemon), daemon.ended]);
  await end(rig, daemon);
}

async function becomesReady({ device, tally }, daemon) {
  const readyMs = await daemon.says('"msg":"ready"', readyLimitMs);
  if (readyMs !== null) {
    tally.time('ready', readyMs);
    return true;
  }
  tally.problem('ready', device.name, `${JSON.stringify(daemon.end)} ${daemon.said.slice(-900)}`);
  return false;
}

async function end(rig, daemon) {
  const { device, dice, tally, wishes, found } = rig;
  const children = daemon.children();
  if (daemon.end !== null) {
    tally.problem('stays', device.name, `${JSON.stringify(daemon.end)} ${daemon.said.slice(-900)}`);
  } else if (dice.chance(0.06) && daemon.said.includes('"msg":"ready"')) {
    await stopGently(rig, daemon);
  } else {
    tally.count('kills');
    tally.count(`kills: ${phaseOf(rig, daemon)}`);
    if (dice.chance(0.3)) {
      tally.count('kills with children');
      daemon.signal('SIGKILL');
      signalAll(children, 'SIGKILL');
    }
    await daemon.kill();
  }
  await wishes.settled();
  if (/moved aside/.test(daemon.said)) tally.problem('ready', device.name, `the database was damaged: ${daemon.said.slice(0, 900)}`);
  for (const line of daemon.said.split('\n')) if (line.startsWith('{"level":50')) found.errors.push(JSON.parse(line));
  device.endCameras();
  if (dice.chance(0.7)) device.emptyDisk();
  void noneLeft(rig, children);
}

async function stopGently({ device, tally }, daemon) {
  daemon.signal('SIGCONT');
  daemon.signal('SIGTERM');
  const beganMs = performance.now();
  const ended = await Promise.race([daemon.ended, pause(30_000)]);
  tally.count('stops');
  tally.time('stop', performance.now() - beganMs);
  if (ended?.code === 0) return;
  tally.problem('stops', device.name, `${JSON.stringify(ended ?? 'not within 30 s')} ${daemon.said.slice(-900)}`);
  await daemon.kill();
}

async function noneLeft({ device, tally }, children) {
  const until = performance.now() + orphanLimitMs;
  const left = () => children.filter((pid) => /trainer|dist/.test(commandOf(pid)));
  while (left().length > 0 && performance.now() < until) await pause(200);
  if (left().length > 0) tally.problem('processes', device.name, left().map(commandOf).join('; '));
}

/** Everything is as it should be: whatever was asked is answered, whatever was dropped is there. */
export async function lastLife(rig, limitMs) {
  const { device, ledger, tally, observer, found } = rig;
  endHindrances(rig);
  const daemon = device.start();
  tally.count('starts');
  if (!(await becomesReady(rig, daemon))) return daemon.kill();
  await check(rig, daemon, true);
  const until = performance.now() + limitMs;
  while (performance.now() < until) {
    const status = await check(rig, daemon, false);
    const isQuiet = status !== null && !status.training.running && status.mqtt.waiting === 0 && status.mqtt.connected;
    if (isQuiet && observer.unanswered(device.name).length === 0 && ledger.waiting().length === 0) break;
    await pause(500);
  }
  const status = await check(rig, daemon, false);
  const state = observer.of(device.name);
  if (performance.now() >= until)
    tally.problem(
      'answers',
      device.name,
      `not at rest: ${JSON.stringify(status?.mqtt)} ${JSON.stringify(status?.training)} ${daemon.said.slice(-600)}`,
    );
  const waiting = ledger.waiting();
  if (waiting.length > 0) tally.problem('samples', device.name, `${waiting.length} files were not taken: ${waiting.slice(0, 5)}`);
  for (const { topic } of observer.unanswered(device.name)) tally.problem('answers', device.name, `no answer to ${topic}`);
  const unasked = [...found.asked].filter((sample) => !state.questions.has(sample) && !ledger.gone.has(sample));
  if (unasked.length > 0) tally.problem('questions', device.name, `${unasked.length} of ${found.asked.size}: ${unasked.slice(0, 5)}`);
  const unreported = [...found.finished].filter((run) => !state.reports.has(run));
  if (unreported.length > 0)
    tally.problem('reports', device.name, `${unreported.length} of ${found.finished.size}: ${unreported.slice(0, 5)}`);
  if (status !== null && state.model?.version !== status.release)
    tally.problem('retained', device.name, `model ${state.model?.version}, and ${status.release} predicts`);
  if (state.status !== 'online') tally.problem('retained', device.name, `status is ${state.status}`);
  await stopGently(rig, daemon);
  await pause(200);
  if (observer.of(device.name).status !== 'stopped') tally.problem('retained', device.name, `stopped, and its status is ${state.status}`);
}
